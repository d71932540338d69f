package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"example.com/ingestion/local/lambdahost"
)

// startTimeout is how long moto may take until it responds.
const startTimeout = 60 * time.Second

// server is the process of local/aws/server.py: moto and the gateway.
type server struct {
	port   int
	cmd    *exec.Cmd
	stdin  io.Closer
	log    *os.File
	exited chan struct{}
}

// startServer starts local/aws/server.py on a free port and waits until it responds.
func startServer(ctx context.Context, python string, o Options, hostURL string) (_ *server, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer closeQuietly(l)
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("unexpected listener %T", l)
	}
	// The process inherits the listening socket: no other process can take the port.
	socket, err := tcp.File()
	if err != nil {
		return nil, err
	}
	defer closeQuietly(socket)
	log, err := os.Create(filepath.Join(o.Dir, "logs", "moto.log"))
	if err != nil {
		return nil, err
	}
	s := &server{port: tcp.Addr().(*net.TCPAddr).Port, log: log, exited: make(chan struct{})} //nolint:forcetypeassert // a TCP listener's address
	s.cmd = exec.CommandContext(ctx, python, filepath.Join(o.Repo, "local", "aws", "server.py"),
		"--fd", "3", "--port", strconv.Itoa(s.port), "--host-url", hostURL, "--architecture", lambdahost.Architecture(), "--iam", string(o.IAM))
	s.cmd.ExtraFiles = []*os.File{socket}
	s.cmd.Env = serverEnviron()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = processAttributes()
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	s.stdin = stdin
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", python, err), log.Close())
	}
	go func() {
		_ = s.cmd.Wait() // the reason for the exit is in the log
		close(s.exited)
	}()
	if err := s.waitHealthy(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// serverEnviron is the environment of this process without the variables that
// would direct moto or its boto3 clients to another AWS.
func serverEnviron() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "MOTO_") && !strings.HasPrefix(kv, "PYTHON") {
			env = append(env, kv)
		}
	}
	return append(env, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "NO_PROXY=localhost,127.0.0.1", "no_proxy=localhost,127.0.0.1",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
}

func (s *server) waitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	// The kernel accepts connections before the process serves them, so one
	// request without a retry is enough.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/_local/health", s.port), nil)
	if err != nil {
		return err
	}
	responded := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			err = resp.Body.Close()
		}
		responded <- err
	}()
	select {
	case err := <-responded:
		if err != nil {
			return fmt.Errorf("moto does not respond: %w%s", err, s.logTail())
		}
		return nil
	case <-s.exited:
		return fmt.Errorf("moto exited while starting%s", s.logTail())
	}
}

// logTail is the end of the log, in the form of a suffix for an error message.
func (s *server) logTail() string {
	b, err := os.ReadFile(s.log.Name())
	if err != nil || len(b) == 0 {
		return ""
	}
	return "; its log ends:\n" + string(b[max(0, len(b)-2000):])
}

func (s *server) close() error {
	closeQuietly(s.stdin)
	select {
	case <-s.exited:
	case <-time.After(3 * time.Second):
		killProcessGroup(s.cmd.Process.Pid)
		<-s.exited
	}
	return s.log.Close()
}

// closeQuietly closes c where an error has no consequence.
func closeQuietly(c io.Closer) { _ = c.Close() }
