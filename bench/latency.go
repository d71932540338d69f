package main

import (
	"net/http"
	"sync"
	"time"
)

// latency delays each request, as the network to a service does.
type latency struct {
	mu    sync.Mutex
	delay time.Duration
	next  http.Handler
}

func (l *latency) set(delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = delay
}

// ServeHTTP implements http.Handler.
func (l *latency) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	delay := l.delay
	l.mu.Unlock()
	time.Sleep(delay)
	l.next.ServeHTTP(w, r)
}
