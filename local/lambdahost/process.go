package lambdahost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// initTimeout is how long a function may take until it requests its first
// invocation. https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
const initTimeout = 10 * time.Second

// invocation is one event for a process.
type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
}

// process is one running bootstrap and the Runtime API that it uses. It handles one
// invocation at a time.
type process struct {
	function *function
	key      string
	cmd      *exec.Cmd
	temp     string
	api      *http.Server
	started  time.Time
	initTook time.Duration
	tail     *tail

	next     chan invocation // to the process, which requests it
	response chan Result     // from the process
	ready    chan struct{}   // closed at the first request for an invocation
	exited   chan struct{}   // closed when the process has exited
	exit     error           // the error of its exit; set before exited is closed

	once    sync.Once
	mu      sync.Mutex
	current string // ID of the invocation that the process handles
	initErr []byte // the body that it posted to init/error
}

// startProcess starts the bootstrap in dir.
func startProcess(f *function, dir string, awsEnv, extra []string, log *logFile) (*process, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("function %s: runtime API: %w", f.Name, err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "tmp-")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("function %s: %w", f.Name, err), l.Close())
	}
	p := &process{
		function: f,
		key:      f.key(extra),
		temp:     temp,
		started:  time.Now(),
		tail:     &tail{},
		next:     make(chan invocation),
		response: make(chan Result, 1),
		ready:    make(chan struct{}),
		exited:   make(chan struct{}),
	}
	p.api = &http.Server{Handler: p.routes(), ReadHeaderTimeout: 10 * time.Second}
	go p.api.Serve(l) //nolint:errcheck // ends with http.ErrServerClosed
	out := &lineWriter{log: log, tail: p.tail}
	p.cmd = exec.Command(filepath.Join(dir, "bootstrap"))
	p.cmd.Dir = dir
	p.cmd.Env = p.environment(dir, l.Addr().String(), slices.Concat(awsEnv, extra))
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = processAttributes()
	// Descendants of a killed bootstrap may hold its output open.
	p.cmd.WaitDelay = 2 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("function %s: start its bootstrap: %w", f.Name, err), p.api.Close(), os.RemoveAll(temp))
	}
	go func() {
		p.exit = p.cmd.Wait()
		out.flush()
		close(p.exited)
		closeQuietly(p.api)
		_ = os.RemoveAll(temp) // fails if a descendant of the process still writes files
	}()
	return p, nil
}

// environment has the variables that Lambda sets for a function, and none of the
// host's environment. As in Lambda, GOMEMLIMIT is not set.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func (p *process) environment(dir, api string, awsEnv []string) []string {
	f := p.function
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_LAMBDA_FUNCTION_NAME=" + f.Name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + p.started.UTC().Format("2006/01/02/[$LATEST]") + fmt.Sprintf("%032x", p.started.UnixNano()),
		"_HANDLER=" + f.Handler,
		"LAMBDA_TASK_ROOT=" + dir,
		"LAMBDA_RUNTIME_DIR=" + dir,
		"LANG=en_US.UTF-8",
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"TMPDIR=" + p.temp,
		"TZ=:UTC",
	}
	env = append(env, awsEnv...)
	for k, v := range f.Environment {
		env = append(env, k+"="+v)
	}
	return env
}

// waitReady waits for the end of the initialization. If that fails, the result is
// that of the invocation which the process was started for.
func (p *process) waitReady(ctx context.Context, requestID string) (Result, bool) {
	timeout := time.NewTimer(initTimeout)
	defer timeout.Stop()
	select {
	case <-p.ready:
		p.initTook = time.Since(p.started)
		return Result{}, true
	case <-p.exited:
	case <-timeout.C:
		return failure(requestID, "Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: initialization timed out after %s", requestID, initTimeout)), false
	case <-ctx.Done():
		return failure(requestID, "Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: %v", requestID, ctx.Err())), false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.initErr != nil {
		return Result{RequestID: requestID, FunctionError: "Unhandled", Payload: p.initErr}, false
	}
	return p.exitFailure(requestID), false
}

// invoke sends an invocation to the process and waits for its response. A process
// that does not respond before the deadline is killed.
func (p *process) invoke(ctx context.Context, in invocation) Result {
	p.tail.Reset()
	timeout := time.NewTimer(time.Until(in.deadline))
	defer timeout.Stop()
	select {
	case p.next <- in:
	case <-p.exited:
		return p.exitFailure(in.id)
	case <-timeout.C:
		return p.timedOut(in.id)
	case <-ctx.Done():
		p.kill()
		return failure(in.id, "Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: %v", in.id, ctx.Err()))
	}
	select {
	case res := <-p.response:
		return res
	case <-p.exited:
		// The process may have responded just before its exit.
		select {
		case res := <-p.response:
			return res
		default:
			return p.exitFailure(in.id)
		}
	case <-timeout.C:
		return p.timedOut(in.id)
	case <-ctx.Done():
		p.kill()
		return failure(in.id, "Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: %v", in.id, ctx.Err()))
	}
}

func (p *process) timedOut(id string) Result {
	p.kill()
	return failure(id, "Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", id, p.function.Timeout.Seconds()))
}

func (p *process) exitFailure(id string) Result {
	how := "exit status 0"
	if p.exit != nil {
		how = p.exit.Error()
	}
	return failure(id, "Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", id, how))
}

func (p *process) isRunning() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// kill kills the process with its descendants and waits for its exit.
func (p *process) kill() {
	if p.isRunning() {
		killGroup(p.cmd.Process.Pid)
	}
	<-p.exited
}

// peakMemoryMB is the highest resident memory so far, in MB; zero if unknown.
func (p *process) peakMemoryMB() int {
	if !p.isRunning() {
		return exitPeakMB(p.cmd.ProcessState)
	}
	return runningPeakMB(p.cmd.Process.Pid)
}

// tail has the last bytes that were written since the last Reset.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) add(line []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, line...)
	if extra := len(t.buf) - maxTail; extra > 0 {
		t.buf = t.buf[extra:]
	}
}

// Reset empties t.
func (t *tail) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = nil
}

// Bytes returns a copy of the contents of t.
func (t *tail) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.buf)
}
