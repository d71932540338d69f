package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"example.com/ingestion/internal/ids"
)

// bench is one run: the stubs, and where things are.
type bench struct {
	repo, out, dir string
	url            string
	s3             s3Stub
	dynamo         dynamoStub
	handed         handedOn
	delay          delayed
	log            io.Writer
}

// handedOn is what unpack invoked load for.
type handedOn struct {
	mu    sync.Mutex
	parts []ids.PartRef
}

func (h *handedOn) take() []ids.PartRef {
	h.mu.Lock()
	defer h.mu.Unlock()
	parts := h.parts
	h.parts = nil
	return parts
}

// ServeHTTP implements Lambda's Invoke, for asynchronous invocations.
func (h *handedOn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var p ids.PartRef
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	h.parts = append(h.parts, p)
	h.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
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
	b.delay.next = http.HandlerFunc(b.route)
	server := &http.Server{Handler: &b.delay, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // it ends with the program
	return b, nil
}

func (b *bench) close() error { return os.RemoveAll(b.dir) }

// route tells the services apart, which have one address.
func (b *bench) route(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		b.dynamo.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/"):
		b.handed.ServeHTTP(w, r)
	default:
		b.s3.ServeHTTP(w, r)
	}
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

var errUnequal = errors.New("what was written is not what was read")

// loading runs one contender against a table, and compares what it wrote.
func (b *bench) loading(latency time.Duration, want digest, payload func(any) (any, error), run func() (outcome, error)) (outcome, error) {
	b.delay.set(latency)
	defer b.delay.set(0)
	o, err := run()
	if err != nil {
		return o, err
	}
	o.bodies, o.Calls = b.dynamo.end()
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
