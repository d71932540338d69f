package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// function is a process that runs the binary of a Lambda function as it is
// deployed. It receives its events through the Lambda Runtime API.
type function struct {
	*process
	server *http.Server
	events chan []byte
	result chan error
	ready  chan time.Time
	// Init is the time from the start of the process to its first request for an event.
	Init time.Duration
}

// invocationTimeout is Lambda's own maximum.
const invocationTimeout = 15 * time.Minute

// startFunction starts the binary and waits until it requests its first event.
func startFunction(ctx context.Context, binary string, env []string) (*function, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &function{events: make(chan []byte), result: make(chan error, 1), ready: make(chan time.Time, 1)}
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	go func() { _ = f.server.Serve(listener) }() // ends with http.ErrServerClosed
	f.process, err = start(ctx, append(env, "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String()), binary)
	if err != nil {
		return nil, errors.Join(err, f.server.Close())
	}
	select {
	case at := <-f.ready:
		f.Init = at.Sub(f.started)
		return f, nil
	case err := <-f.result:
		_, killErr := f.stopFunction()
		return nil, errors.Join(err, killErr)
	case <-time.After(time.Minute):
		_, err := f.stopFunction()
		return nil, errors.Join(fmt.Errorf("%s requested no event within a minute: %s", binary, tail(f.stderr.String())), err)
	}
}

func (f *function) invoke(ctx context.Context, payload []byte) error {
	select {
	case f.events <- payload:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-f.result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *function) stopFunction() (usage, error) {
	u, err := f.kill()
	return u, errors.Join(err, f.server.Close())
}

// ServeHTTP implements the Lambda Runtime API, version 2018-06-01.
func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const root = "/2018-06-01/runtime/"
	path, ok := strings.CutPrefix(r.URL.Path, root)
	switch {
	case ok && path == "invocation/next":
		select {
		case f.ready <- time.Now():
		default:
		}
		select {
		case payload := <-f.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "00000000-0000-0000-0000-000000000000")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(invocationTimeout).UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:f")
			_, _ = w.Write(payload) // kill reports a process that has ended
		case <-r.Context().Done():
		}
	case ok && strings.HasSuffix(path, "/response"):
		w.WriteHeader(http.StatusAccepted)
		f.result <- nil
	case ok && strings.HasSuffix(path, "/error"):
		body, err := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		f.result <- errors.Join(fmt.Errorf("the function failed: %s", body), err)
	default:
		http.NotFound(w, r)
	}
}
