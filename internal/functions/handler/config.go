package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/ingestion/feed"
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
}

// Load reads the configuration through getenv. It reports everything that is
// missing at once. Besides the spec the function needs the variables in names.
func Load(ctx context.Context, getenv func(string) string, names ...string) (Config, error) {
	spec, err := feed.FromEnv(getenv)
	errs := []error{err}
	for _, name := range names {
		if getenv(name) == "" {
			errs = append(errs, fmt.Errorf("environment variable %s is not set", name))
		}
	}
	cfg, err := AWSConfig(ctx)
	errs = append(errs, err)
	return Config{
		Spec: spec, LandingBucket: getenv(feed.EnvLandingBucket), Table: getenv(feed.EnvTable),
		Metrics: metrics.New(os.Stdout, getenv(feed.EnvMetrics), getenv(feed.EnvTable), spec.Feed), AWS: cfg,
		Log: NewLogger().With("feed", spec.Feed),
	}, errors.Join(errs...)
}

// NewLogger returns the logger of a function: JSON lines on standard output.
func NewLogger() *slog.Logger { return slog.New(slog.NewJSONHandler(os.Stdout, nil)) }
