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
)

// startTimeout is how long moto may take until it answers.
const startTimeout = 60 * time.Second

// launcher is the running local/aws/launcher.py.
type launcher struct {
	port   int
	cmd    *exec.Cmd
	stdin  io.Closer
	log    *os.File
	exited chan struct{}
}

// startLauncher starts the launcher on a free port and waits until it answers.
func startLauncher(ctx context.Context, python string, o Options, hostURL string) (_ *launcher, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer drop(l)
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("unexpected listener %T", l)
	}
	// The launcher inherits the listening socket: the port is never free in between.
	socket, err := tcp.File()
	if err != nil {
		return nil, err
	}
	defer drop(socket)
	log, err := os.Create(filepath.Join(o.Dir, "logs", "moto.log"))
	if err != nil {
		return nil, err
	}
	m := &launcher{port: tcp.Addr().(*net.TCPAddr).Port, log: log, exited: make(chan struct{})} //nolint:forcetypeassert // a TCP listener's address
	m.cmd = exec.CommandContext(ctx, python, filepath.Join(o.Repo, "local", "aws", "launcher.py"),
		"--fd", "3", "--port", strconv.Itoa(m.port), "--host-url", hostURL)
	m.cmd.ExtraFiles = []*os.File{socket}
	m.cmd.Env = launcherEnviron()
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = childAttributes()
	stdin, err := m.cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	m.stdin = stdin
	if err := m.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", python, err), log.Close())
	}
	go func() {
		_ = m.cmd.Wait() // how it ended shows in its log
		close(m.exited)
	}()
	if err := m.waitHealthy(ctx); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

// launcherEnviron leaves out what would lead moto's own clients elsewhere.
func launcherEnviron() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "MOTO_") && !strings.HasPrefix(kv, "PYTHON") {
			env = append(env, kv)
		}
	}
	return append(env, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "NO_PROXY=localhost,127.0.0.1", "no_proxy=localhost,127.0.0.1",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
}

func (m *launcher) waitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	// The kernel accepts connections before the launcher serves them, so one
	// request that waits is enough.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/_local/health", m.port), nil)
	if err != nil {
		return err
	}
	answered := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	select {
	case err := <-answered:
		if err != nil {
			return fmt.Errorf("moto does not answer: %w%s", err, m.lastWords())
		}
		return nil
	case <-m.exited:
		return fmt.Errorf("moto ended at once%s", m.lastWords())
	}
}

// lastWords is the end of moto's log, for an error.
func (m *launcher) lastWords() string {
	b, err := os.ReadFile(m.log.Name())
	if err != nil || len(b) == 0 {
		return ""
	}
	return "; its log ends:\n" + string(b[max(0, len(b)-2000):])
}

// drop closes what this process has no further use for.
func drop(c io.Closer) { _ = c.Close() }

func (m *launcher) close() error {
	drop(m.stdin)
	select {
	case <-m.exited:
	case <-time.After(3 * time.Second):
		killChild(m.cmd.Process.Pid)
		<-m.exited
	}
	return m.log.Close()
}
