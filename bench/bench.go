package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/ingestion/internal/testing/fake"
)

// bench is one run: the AWS services in its process, and its directories.
type bench struct {
	repo, out, dir string
	url            string // of all services
	s3             fake.S3
	table          tableServer
	latency        latency
	log            io.Writer
}

func newBench(ctx context.Context, log io.Writer) (*bench, error) {
	repo, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(repo, "bench", "bench.go")); err != nil {
		return nil, fmt.Errorf("run it in the root of the repository: %w", err)
	}
	b := &bench{repo: repo, out: filepath.Join(repo, "bench", "out"), log: log}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b.url = "http://" + listener.Addr().String()
	b.latency.next = http.HandlerFunc(b.route)
	server := &http.Server{Handler: &b.latency, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // it ends with the program
	return b, nil
}

func (b *bench) close() error { return os.RemoveAll(b.dir) }

// route distinguishes the services, which share one address.
func (b *bench) route(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		b.table.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/"):
		w.WriteHeader(http.StatusAccepted) // an asynchronous invocation: load is measured apart
	default:
		b.s3.ServeHTTP(w, r)
	}
}

func (b *bench) clearLandingBucket() {
	for _, key := range b.s3.Keys(landingBucket, "") {
		b.s3.Delete(landingBucket, key)
	}
}

func (b *bench) logf(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

var errUnequal = errors.New("the output is not equal to the input")

// measureLoad runs one implementation of loading and compares what it wrote with the input.
func (b *bench) measureLoad(delay time.Duration, want digest, payload func(any) (any, error), run func() (outcome, error)) (outcome, error) {
	b.latency.set(delay)
	defer b.latency.set(0)
	o, err := run()
	if err != nil {
		return o, err
	}
	o.bodies, o.Calls = b.table.take()
	o.CallsPerSecond = float64(o.Calls) / o.WallSeconds
	got, err := digestItems(o.bodies, payload)
	o.bodies = nil
	if err != nil {
		return o, err
	}
	if o.Equal = got == want; !o.Equal {
		return o, fmt.Errorf("%w: %d records in, %d different keys out, or other values", errUnequal, want.Records, got.Records)
	}
	return o, nil
}
