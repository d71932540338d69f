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
	// DefaultRetryDelay replaces the minute after which Lambda retries an
	// asynchronous invocation first; the second delay is twice as long, as in Lambda.
	DefaultRetryDelay = time.Second
	// DefaultBatchingWindow is the maximum time that a batch of a stream waits for
	// more records.
	DefaultBatchingWindow = time.Second
)

// Options of a Host.
type Options struct {
	// Dir is the directory of the logs (logs/<function>.log) and the unpacked functions.
	Dir string
	// Concurrency is how many processes a function may have at once; zero means
	// DefaultConcurrency. A lower reserved concurrency of the function applies.
	Concurrency int
	// RetryDelay is the delay before the first retry of an asynchronous
	// invocation; the second waits twice as long. Zero means DefaultRetryDelay.
	RetryDelay time.Duration
	// BatchingWindow limits the MaximumBatchingWindowInSeconds of streams, which may
	// be minutes. Zero means DefaultBatchingWindow.
	BatchingWindow time.Duration
	// Log receives the errors of the host itself; nil discards them.
	Log io.Writer
}

// Host runs functions. Its methods may be called concurrently.
type Host struct {
	options  Options
	listener net.Listener
	server   *http.Server
	code     *codeStore
	faults   faults
	inFlight inFlight
	pollers  pollers
	log      *logger

	// base is the context of everything that the host runs; Close cancels it.
	base context.Context
	stop context.CancelFunc
	jobs sync.WaitGroup

	mu      sync.Mutex
	client  awsClient
	pools   map[string]*pool
	cursors map[string]*cursor // of stream mappings, by their IDs
	environ map[string]string  // set by Setenv
	resumed chan struct{}      // closed while the host is not paused
	ahead   time.Duration      // of the clock by which events age, see Advance
}

// Advance moves the clock forward by which asynchronous events age, so that a test
// need not wait for hours until events exceed their maximum age.
func (h *Host) Advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ahead += d
}

// age is how long ago an event was received, by the clock of Advance.
func (h *Host) age(e event) time.Duration {
	return time.Since(e.received) + h.clockAhead() - e.ahead
}

func (h *Host) clockAhead() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ahead
}

// New returns a host that listens on a free loopback port. It runs functions
// after Connect.
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
		resumed:  open,
	}
	h.server = &http.Server{Handler: h.routes(), ReadHeaderTimeout: 10 * time.Second}
	h.jobs.Go(func() {
		if err := h.server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			h.log.printf("serve: %v", err)
		}
	})
	return h, nil
}

// URL is the address of the host's HTTP API, which has Lambda's Invoke.
func (h *Host) URL() string {
	return "http://" + h.listener.Addr().String()
}

// Connect sets the AWS that has the functions, streams and destinations,
// and starts to poll for the event source mappings.
func (h *Host) Connect(cfg aws.Config) {
	h.connect(newSDKClient(cfg))
}

func (h *Host) connect(c awsClient) {
	h.mu.Lock()
	h.client = c
	h.mu.Unlock()
	h.jobs.Go(func() { h.pollMappings(h.base) })
}

func (h *Host) connected() (awsClient, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client == nil {
		return nil, errors.New("lambda host: not connected to an AWS endpoint yet")
	}
	return h.client, nil
}

// Pause delays asynchronous invocations and their retries, and stops the polling
// of streams, until Resume. It affects neither running nor synchronous
// invocations.
func (h *Host) Pause() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.resumed:
		h.resumed = make(chan struct{})
	default:
	}
}

// Resume ends a Pause.
func (h *Host) Resume() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.resumed:
	default:
		close(h.resumed)
	}
}

// passGate waits while the host is paused.
func (h *Host) waitWhilePaused(ctx context.Context) error {
	h.mu.Lock()
	gate := h.resumed
	h.mu.Unlock()
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Idle waits until no invocation is queued, running or waiting for a retry, and the
// streams of all event source mappings are read to the end. It returns the error of ctx if that takes too long; a paused host with
// queued invocations never becomes idle.
func (h *Host) Idle(ctx context.Context) error {
	for {
		if err := h.inFlight.wait(ctx); err != nil {
			return fmt.Errorf("lambda host: invocations in flight: %s: %w", h.inFlight.String(), err)
		}
		left, err := h.backlog(ctx)
		if err != nil {
			return err
		}
		if left == 0 && h.inFlight.none() {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("lambda host: %d mapped streams have unread records: %w", left, ctx.Err())
		}
	}
}

// Stats are the figures of one function since the host was made.
type Stats struct {
	// Invocations counts every attempt, including those that fail by FailNext.
	Invocations int
	// Errors counts the attempts that ended in a function error.
	Errors int
	// PeakMemoryMB is the highest resident memory of any of its processes, in MB
	// as in the REPORT line of Lambda; zero on systems other than Linux.
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

// Setenv adds an environment variable to every function. Running processes are
// replaced at their next invocation; a variable of that name in the configuration
// of a function takes precedence.
func (h *Host) Setenv(name, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.environ[name] = value
}

// extraEnviron has the variables of Setenv, sorted.
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

// Close kills every process and stops every poller. Queued events are discarded.
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

// poolOf returns the pool of a function, which it creates at first use.
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
