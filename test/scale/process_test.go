package scale

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// process runs the binary of a function. It receives one event at a time, through the
// Lambda Runtime API.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type process struct {
	cmd    *exec.Cmd
	server *http.Server
	events chan invocation
	result chan error
	ended  chan struct{}
	output bytes.Buffer

	// killAt is at which of its requests the process is killed; 0 means never. Every
	// second such request has its effect first.
	killAt   atomic.Int64
	requests atomic.Int64
	killed   atomic.Bool
}

type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
}

var errKilled = errors.New("the process was killed")

func startProcess(t testing.TB, binary string, env []string) (*process, error) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &process{events: make(chan invocation), result: make(chan error, 1), ended: make(chan struct{})}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(listener) }() // ends with http.ErrServerClosed
	p.cmd = exec.Command(binary)                 //nolint:noctx // stop ends it
	p.cmd.Env = slices.Concat(env, []string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String()})
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, p.server.Close())
	}
	go func() {
		_ = p.cmd.Wait() // invoke reports the end
		close(p.ended)
	}()
	return p, nil
}

// invoke runs the function once.
func (p *process) invoke(in invocation) error {
	select {
	case p.events <- in:
	case <-p.ended:
		return p.failure()
	}
	select {
	case err := <-p.result:
		return err
	case <-p.ended:
		return p.failure()
	case <-time.After(time.Until(in.deadline)):
		p.stop()
		return errors.New("the function has not ended at its timeout")
	}
}

func (p *process) failure() error {
	if p.killed.Load() {
		return errKilled
	}
	return fmt.Errorf("the function has ended: %s", p.output.String())
}

// stop kills the process and waits for its end.
func (p *process) stop() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
	_ = p.server.Close()
}

// request serves a request of the process, unless it is killed at this one.
func (p *process) request(w http.ResponseWriter, r *http.Request, serve http.Handler) {
	n, at := p.requests.Add(1), p.killAt.Load()
	if at == 0 || n < at {
		serve.ServeHTTP(w, r)
		return
	}
	if n == at && n%2 == 0 {
		serve.ServeHTTP(discard{}, r)
	}
	p.killed.Store(true)
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
	panic(http.ErrAbortHandler)
}

// discard is a response that nobody receives.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// ServeHTTP implements the Lambda Runtime API, version 2018-06-01.
func (p *process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/2018-06-01/runtime/invocation/")
	switch {
	case ok && path == "next":
		select {
		case in := <-p.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", in.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(in.deadline.UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:f")
			_, _ = w.Write(in.payload) // invoke reports a process that has ended
		case <-r.Context().Done():
		}
	case ok && strings.HasSuffix(path, "/response"):
		w.WriteHeader(http.StatusAccepted)
		p.result <- nil
	case ok && strings.HasSuffix(path, "/error"):
		body, err := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		p.result <- errors.Join(fmt.Errorf("the function failed: %s", body), err)
	default:
		http.NotFound(w, r)
	}
}
