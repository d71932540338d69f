package ui

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Page is a running server.
type Page struct {
	// URL is the address of the page.
	URL    string
	server *http.Server
	stop   context.CancelFunc
	ended  chan struct{}
	err    error
}

// Serve serves the page on the loopback interface until ctx ends or Close is called.
// Port 0 selects a free port. every is the minimum interval between two reads of the
// source.
func Serve(ctx context.Context, source Source, port int, every time.Duration) (*Page, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("serve the page: %w: use another --port, or 0 for a free one", err)
	}
	_, number, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	h := newHub(source, every)
	p := &Page{URL: "http://127.0.0.1:" + number + "/", stop: stop, ended: make(chan struct{})}
	p.server = &http.Server{Handler: newHandler(h, number), ReadHeaderTimeout: 10 * time.Second}
	go h.run(ctx)
	go func() {
		<-ctx.Done()
		_ = p.server.Close() // no request changes anything: all can be aborted
	}()
	go func() {
		defer close(p.ended)
		if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.err = err
		}
		stop()
	}()
	return p, nil
}

// Wait waits until the server has stopped.
func (p *Page) Wait() error {
	<-p.ended
	return p.err
}

// Close stops the server.
func (p *Page) Close() error {
	p.stop()
	return p.Wait()
}
