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

// Page is a page that is being served.
type Page struct {
	// URL is where.
	URL    string
	server *http.Server
	stop   context.CancelFunc
	ended  chan struct{}
	err    error
}

// Serve serves the page on loopback until ctx ends or Close: on that port, or
// on a free one for 0. every is how long it rests between two looks.
func Serve(ctx context.Context, source Source, port int, every time.Duration) (*Page, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("serve the page: %w: give another --port, or 0 for a free one", err)
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
		_ = p.server.Close() // the page is read only: nothing is cut off that matters
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

// Wait returns when the page is not served any more.
func (p *Page) Wait() error {
	<-p.ended
	return p.err
}

// Close ends it.
func (p *Page) Close() error {
	p.stop()
	return p.Wait()
}
