// Package host runs Lambda functions on this machine: the very bootstrap of a
// function's deployment package, over the Lambda Runtime API, with the
// environment, timeout and memory of the function's configuration. It invokes
// asynchronously as AWS does (a queue, two retries, then the on-failure
// destination) and polls the queues and DynamoDB streams of event source mappings.
package lambdahost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Defaults of Options.
const (
	// DefaultConcurrency is how many processes a function may have at once.
	DefaultConcurrency = 4
	// DefaultRetryDelay stands for the one minute after which AWS retries an
	// asynchronous invocation first; the second delay is twice as long, as in AWS.
	DefaultRetryDelay = time.Second
	// DefaultVisibilityTimeout is how long a message that a function failed on
	// stays hidden at most.
	DefaultVisibilityTimeout = time.Second
	// DefaultBatchingWindow is how long a stream's batch waits at most to be filled.
	DefaultBatchingWindow = time.Second
)

// Options of a Host.
type Options struct {
	// Dir takes the logs (logs/<function>.log) and the unpacked functions.
	Dir string
	// Concurrency is how many processes a function may have at once; zero means
	// DefaultConcurrency. A lower reserved concurrency of the function holds.
	Concurrency int
	// RetryDelay is the delay before the first retry of an asynchronous
	// invocation; the second waits twice as long. Zero means DefaultRetryDelay.
	RetryDelay time.Duration
	// BatchingWindow cuts the MaximumBatchingWindowInSeconds of streams, so that
	// nobody waits for minutes. Zero means DefaultBatchingWindow.
	BatchingWindow time.Duration
	// VisibilityTimeout cuts the visibility timeout of queues for messages that a
	// function failed on, so that nobody waits for hours until they appear again.
	// It is rounded up to seconds; zero means DefaultVisibilityTimeout.
	VisibilityTimeout time.Duration
	// Log takes what goes wrong in the host itself; nil discards it.
	Log io.Writer
}

// Host runs functions. Its methods may be called concurrently.
type Host struct {
	options  Options
	listener net.Listener
	server   *http.Server
	code     *codeStore
	faults   faults
	work     work
	pollers  pollers
	log      *logger

	// base ends when the host is closed, and with it whatever it runs.
	base context.Context
	stop context.CancelFunc
	jobs sync.WaitGroup

	mu      sync.Mutex
	cloud   cloud
	pools   map[string]*pool
	cursors map[string]*cursor // of stream mappings, by their IDs
	environ map[string]string  // set by Setenv
	gate    chan struct{}      // closed while the host is not paused
}

// New makes a host that listens on a free loopback port. It runs nothing before
// Connect has told it where the functions are.
func New(o Options) (*Host, error) {
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.RetryDelay <= 0 {
		o.RetryDelay = DefaultRetryDelay
	}
	if o.BatchingWindow <= 0 {
		o.BatchingWindow = DefaultBatchingWindow
	}
	if o.VisibilityTimeout <= 0 {
		o.VisibilityTimeout = DefaultVisibilityTimeout
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	for _, dir := range []string{"logs", "functions"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o755); err != nil {
			return nil, fmt.Errorf("lambda host: %w", err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lambda host: %w", err)
	}
	open := make(chan struct{})
	close(open)
	base, stop := context.WithCancel(context.Background())
	h := &Host{
		options:  o,
		listener: l,
		code:     newCodeStore(filepath.Join(o.Dir, "functions")),
		pollers:  pollers{running: map[mapping]poller{}},
		log:      &logger{w: o.Log},
		base:     base,
		stop:     stop,
		pools:    map[string]*pool{},
		cursors:  map[string]*cursor{},
		environ:  map[string]string{},
		gate:     open,
	}
	h.server = &http.Server{Handler: h.routes(), ReadHeaderTimeout: 10 * time.Second}
	h.jobs.Go(func() {
		if err := h.server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			h.log.printf("serve: %v", err)
		}
	})
	return h, nil
}

// URL is where the host answers Lambda's Invoke API.
func (h *Host) URL() string {
	return "http://" + h.listener.Addr().String()
}

// Connect tells the host which AWS holds its functions, queues and
// destinations, and starts polling the event source mappings.
func (h *Host) Connect(cfg aws.Config) {
	h.connect(newAWSCloud(cfg))
}

func (h *Host) connect(c cloud) {
	h.mu.Lock()
	h.cloud = c
	h.mu.Unlock()
	h.jobs.Go(func() { h.pollMappings(h.base) })
}

func (h *Host) connected() (cloud, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cloud == nil {
		return nil, errors.New("lambda host: not connected to an AWS endpoint yet")
	}
	return h.cloud, nil
}

// Pause keeps asynchronous invocations (and their retries) waiting, and stops
// the polling of queues and streams, until Resume. What runs already runs on; synchronous
// invocations are not held back.
func (h *Host) Pause() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.gate:
		h.gate = make(chan struct{})
	default:
	}
}

// Resume ends a Pause.
func (h *Host) Resume() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.gate:
	default:
		close(h.gate)
	}
}

// passGate waits while the host is paused.
func (h *Host) passGate(ctx context.Context) error {
	h.mu.Lock()
	gate := h.gate
	h.mu.Unlock()
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Idle waits until no invocation is queued, running or waiting for a retry, no
// queue of an event source mapping holds a message, and every stream of one is
// read to its end. It returns ctx's error if that does not come about in time;
// a paused host with work never is idle.
func (h *Host) Idle(ctx context.Context) error {
	for {
		if err := h.work.wait(ctx); err != nil {
			return fmt.Errorf("lambda host: still busy with %s: %w", h.work.String(), err)
		}
		left, err := h.backlog(ctx)
		if err != nil {
			return err
		}
		if left == 0 && h.work.none() {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("lambda host: %d messages or records left in mapped queues and streams: %w", left, ctx.Err())
		}
	}
}

// Stats are the figures of one function since the host was made.
type Stats struct {
	// Invocations counts every attempt that reached a process or an injected fault.
	Invocations int
	// Errors counts the attempts that ended in a function error.
	Errors int
	// PeakMemoryMB is the highest resident memory of any of its processes, in
	// MB as Lambda's REPORT line has it; zero where the system does not tell.
	PeakMemoryMB int
	// Busy is the sum of the billed durations.
	Busy time.Duration
}

// Stats returns the figures of every function invoked so far, by its name.
func (h *Host) Stats() map[string]Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make(map[string]Stats, len(h.pools))
	for name, p := range h.pools {
		all[name] = p.snapshot()
	}
	return all
}

// Setenv gives every function one more environment variable. Processes that run
// already are replaced at their next invocation; a function's own variable of
// that name takes precedence.
func (h *Host) Setenv(name, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.environ[name] = value
}

// extraEnviron is what Setenv has set, in order.
func (h *Host) extraEnviron() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var env []string
	for _, name := range slices.Sorted(maps.Keys(h.environ)) {
		env = append(env, name+"="+h.environ[name])
	}
	return env
}

// LogFile is the path of a function's log.
func (h *Host) LogFile(function string) string {
	return filepath.Join(h.options.Dir, "logs", function+".log")
}

// Close ends every process and poller. Queued events are dropped.
func (h *Host) Close() error {
	h.stop()
	errs := []error{h.server.Close()}
	h.mu.Lock()
	pools := h.pools
	h.pools = map[string]*pool{}
	h.mu.Unlock()
	for _, p := range pools {
		errs = append(errs, p.close())
	}
	h.jobs.Wait()
	return errors.Join(errs...)
}

// poolOf returns the pool of a function, making it at first use.
func (h *Host) poolOf(name string) (*pool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.base.Err() != nil {
		return nil, errors.New("lambda host: closed")
	}
	if p, ok := h.pools[name]; ok {
		return p, nil
	}
	log, err := openLog(h.LogFile(name))
	if err != nil {
		return nil, err
	}
	p := &pool{host: h, name: name, log: log}
	p.cond = sync.NewCond(&p.mu)
	h.pools[name] = p
	return p, nil
}
