package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/functions/metrics"
)

// Config is what a function was deployed with.
type Config struct {
	Spec          feed.Spec
	LandingBucket string
	Table         string
	Metrics       *metrics.Emitter
	AWS           aws.Config
	Log           *slog.Logger

	getenv func(string) string
}

// Load reads the configuration through getenv. It reports everything that is
// missing at once. Besides the spec the function needs the variables in names,
// where "A|B" means either of two.
func Load(ctx context.Context, getenv func(string) string, names ...string) (Config, error) {
	spec, err := feed.FromEnv(getenv)
	errs := []error{err}
	for _, name := range names {
		either, or, _ := strings.Cut(name, "|")
		if getenv(either) == "" && (or == "" || getenv(or) == "") {
			errs = append(errs, fmt.Errorf("environment variable %s is not set", strings.ReplaceAll(name, "|", " or ")))
		}
	}
	cfg, err := AWSConfig(ctx)
	errs = append(errs, err)
	return Config{
		Spec: spec, LandingBucket: getenv(feed.EnvLandingBucket), Table: getenv(feed.EnvTable),
		Metrics: metrics.New(os.Stdout, getenv(feed.EnvMetrics), getenv(feed.EnvTable), spec.Feed), AWS: cfg, getenv: getenv,
		Log: NewLogger().With("feed", spec.Feed),
	}, errors.Join(errs...)
}

// NewLogger returns the logger of a function: JSON lines on standard output.
func NewLogger() *slog.Logger { return slog.New(slog.NewJSONHandler(os.Stdout, nil)) }

// Dispatcher dispatches to the queue whose URL is in the variable queueURL or,
// where that is not set, to the function with a name.
func (c Config) Dispatcher(queueURL, functionName string) dispatch.Dispatcher {
	if u := c.getenv(queueURL); u != "" {
		return dispatch.Queue(c.AWS, u)
	}
	return dispatch.Function(c.AWS, functionName)
}
