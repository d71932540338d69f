// Package function has what the main packages of the functions share: their
// surroundings, read from the environment once per process.
package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/functions/metrics"
)

// Surroundings is what a function was deployed with.
type Surroundings struct {
	Spec          feed.Spec
	LandingBucket string
	Table         string
	Metrics       *metrics.Emitter
	AWS           aws.Config
	Log           *slog.Logger

	getenv func(string) string
}

// Load reads the surroundings through getenv and reports everything that is
// missing at once; names are the variables that the function needs besides the
// spec, "A|B" either of two.
func Load(getenv func(string) string, names ...string) (Surroundings, error) {
	spec, err := feed.FromEnv(getenv)
	errs := []error{err}
	for _, name := range names {
		either, or, _ := strings.Cut(name, "|")
		if getenv(either) == "" && (or == "" || getenv(or) == "") {
			errs = append(errs, fmt.Errorf("environment variable %s is not set", strings.ReplaceAll(name, "|", " or ")))
		}
	}
	cfg, err := AWSConfig(getenv)
	if err != nil {
		errs = append(errs, fmt.Errorf("load AWS configuration: %w", err))
	}
	return Surroundings{
		Spec: spec, LandingBucket: getenv(feed.EnvLandingBucket), Table: getenv(feed.EnvTable),
		Metrics: metrics.New(os.Stdout, getenv(feed.EnvMetrics), getenv(feed.EnvTable), spec.Feed), AWS: cfg, getenv: getenv,
		Log: slog.New(slog.NewJSONHandler(os.Stdout, nil)).With("feed", spec.Feed),
	}, errors.Join(errs...)
}

// Sender hands on through the queue whose URL is in one variable or, without a
// queue, to the function of a name.
func (s Surroundings) Sender(queueURL, name string) dispatch.Dispatcher {
	if u := s.getenv(queueURL); u != "" {
		return dispatch.Queue(s.AWS, u)
	}
	return dispatch.Function(s.AWS, name)
}

// LimitMemory trades memory for time, up to a bound: the collector runs when
// the heap has grown fivefold or is near the bound, in bytes. The functions hold
// little and allocate much, so by default it would run all the time.
func LimitMemory(bound int64) {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(bound)
}

const (
	// margin is left of an invocation's time to say why it failed: a function
	// that the service kills cannot.
	margin = 2 * time.Second
	// reserve is left of an invocation's time to end what is under way, to store
	// a checkpoint and to hand on to the next invocation.
	reserve = 30 * time.Second
)

// ErrDeadline is why a context of WithDeadline ended.
var ErrDeadline = errors.New("the function's timeout is near: what is done is kept, the retry does the rest")

// WithDeadline returns a context that ends shortly before the invocation does.
func WithDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(deadline)
	return context.WithDeadlineCause(ctx, deadline.Add(-min(margin, left/10)), ErrDeadline)
}

// TimeUp returns what tells whether work under ctx is to stop at the next good
// place and hand on: 30 seconds before its deadline, a quarter of the time if
// that is less. Without a deadline the time is never up.
func TimeUp(ctx context.Context) func() bool {
	deadline, ok := ctx.Deadline()
	if !ok {
		return func() bool { return false }
	}
	stopAt := deadline.Add(-min(reserve, time.Until(deadline)/4))
	return func() bool { return time.Now().After(stopAt) }
}

// MaxHops is how often a function hands on its work to its own next invocation
// before it takes that for a loop: a thousand invocations are ten days.
const MaxHops = 1000
