package ui

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// reply is a response whose body is closed at the end of the test.
type reply struct {
	status int
	header http.Header
	body   io.Reader
}

func get(t *testing.T, method, address, host string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	})
	return reply{response.StatusCode, response.Header, response.Body}
}

func serve(t *testing.T, source Source, every time.Duration) *Page {
	t.Helper()
	page, err := Serve(t.Context(), source, 0, every)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := page.Close(); err != nil {
			t.Error(err)
		}
	})
	return page
}

func TestGuard(t *testing.T) {
	page := serve(t, &fakeSource{}, time.Hour)
	u, err := url.Parse(page.URL)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		method, path, host string
		want               int
	}{
		"the page":               {"GET", "/", "", http.StatusOK},
		"by name":                {"GET", "/", "localhost:" + u.Port(), http.StatusOK},
		"its script":             {"GET", "/app.js", "", http.StatusOK},
		"another host name":      {"GET", "/", "evil.example:" + u.Port(), http.StatusForbidden},
		"events of another host": {"GET", "/events", "evil.example", http.StatusForbidden},
		"another port":           {"GET", "/", "127.0.0.1:1", http.StatusForbidden},
		"no port":                {"GET", "/", "127.0.0.1", http.StatusForbidden},
		"another method":         {"POST", "/", "", http.StatusMethodNotAllowed},
		"unknown path":           {"GET", "/../handler.go", "", http.StatusNotFound},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			response := get(t, test.method, strings.TrimSuffix(page.URL, "/")+test.path, test.host)
			if response.status != test.want {
				t.Errorf("status %d, want %d", response.status, test.want)
			}
			policy := response.header.Get("Content-Security-Policy")
			if test.want == http.StatusForbidden {
				return
			}
			if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'") || strings.Contains(policy, "unsafe") {
				t.Errorf("headers %v", response.header)
			}
			if kept := response.header.Get("Cache-Control"); test.want == http.StatusOK && kept != "no-store" {
				t.Errorf("it may be cached: %q", kept)
			}
		})
	}
}

// The page loads nothing from other hosts.
func TestPageLoadsNothingFromOtherHosts(t *testing.T) {
	page := serve(t, &fakeSource{}, time.Hour)
	for _, path := range []string{"", "app.js", "chart.js", "dom.js", "feed.js", "upload.js", "style.css"} {
		body, err := io.ReadAll(get(t, "GET", page.URL+path, "").body)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"http:", "https:", "//cdn", "@import", "innerHTML", "eval("} {
			if strings.Contains(string(body), bad) {
				t.Errorf("%q has %s", path, bad)
			}
		}
	}
}

// next reads the next state of an event stream.
func next(t *testing.T, lines *bufio.Scanner) State {
	t.Helper()
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var s State
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Fatalf("the events end: %v", lines.Err())
	return State{}
}

func TestEvents(t *testing.T) {
	source := &fakeSource{state: State{Account: "first"}}
	page := serve(t, source, time.Millisecond)
	response := get(t, "GET", page.URL+"events", "")
	if kind := response.header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("content type %q", kind)
	}
	lines := bufio.NewScanner(response.body)
	if got := next(t, lines); got.Account != "first" {
		t.Errorf("the first state is %+v", got)
	}
	source.set(State{Account: "second"})
	if got := next(t, lines); got.Account != "second" {
		t.Errorf("after a change: %+v", got)
	}
	late := bufio.NewScanner(get(t, "GET", page.URL+"events", "").body)
	if got := next(t, late); got.Account != "second" {
		t.Errorf("a later subscriber receives %+v", got)
	}
}

func TestHubReadsOnlyWithSubscribers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fakeSource{}
		reads := func() int {
			synctest.Wait()
			source.mu.Lock()
			defer source.mu.Unlock()
			return source.reads
		}
		ctx, stop := context.WithCancel(t.Context())
		h := newHub(source, time.Second)
		go h.run(ctx)
		time.Sleep(time.Minute)
		if n := reads(); n != 0 {
			t.Errorf("%d reads without a subscriber", n)
		}
		updates, leave := h.join()
		time.Sleep(10*time.Second + time.Millisecond)
		if n := reads(); n != 11 {
			t.Errorf("%d reads in ten seconds, want 11", n)
		}
		if len(updates) != 1 {
			t.Errorf("%d updates of a state that never changes", len(updates))
		}
		leave()
		time.Sleep(time.Minute)
		if n := reads(); n > 12 {
			t.Errorf("%d reads: they continue without a subscriber", n)
		}
		again, _ := h.join()
		<-again // the last state
		stop()
		if _, open := <-again; open {
			t.Error("the updates continue after the end")
		}
	})
}

func TestServeReportsAPortInUse(t *testing.T) {
	page := serve(t, &fakeSource{}, time.Hour)
	u, err := url.Parse(page.URL)
	if err != nil {
		t.Fatal(err)
	}
	port := 0
	if err := json.Unmarshal([]byte(u.Port()), &port); err != nil {
		t.Fatal(err)
	}
	if _, err := Serve(t.Context(), &fakeSource{}, port, time.Hour); err == nil || !strings.Contains(err.Error(), "use another --port") {
		t.Errorf("error %v", err)
	}
}

// The server stops when its context ends while a browser is connected.
func TestServeStopsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	page, err := Serve(ctx, &fakeSource{}, 0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(get(t, "GET", page.URL+"events", "").body)
	next(t, lines)
	stop()
	if err := page.Wait(); err != nil {
		t.Error(err)
	}
	for lines.Scan() {
		if lines.Text() != "" {
			t.Errorf("more events: %q", lines.Text())
		}
	}
}

// slowSource answers after a while.
type slowSource struct {
	fakeSource
	takes atomic.Int64 // a time.Duration
}

func (s *slowSource) Read(ctx context.Context) State {
	time.Sleep(time.Duration(s.takes.Load()))
	return s.fakeSource.Read(ctx)
}

// While AWS does not answer, the page says so and keeps the last figures.
func TestHubReportsASlowRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		source := &slowSource{fakeSource: fakeSource{state: stateOf(workingFeed())}}
		h := newHub(source, time.Second)
		go h.run(ctx)
		updates, _ := h.join()
		state := func() (s State) {
			if err := json.Unmarshal(<-updates, &s); err != nil {
				t.Error(err)
			}
			return s
		}
		if s := state(); s.Error != "" || len(s.Feeds) != 1 {
			t.Errorf("%+v", s)
		}
		source.takes.Store(int64(time.Minute))
		lost := time.Now()
		if s := state(); s.Error != "AWS has not answered all requests for 5s: check the network; still waiting" || len(s.Feeds) != 1 || !s.Figures.Equal(noon) {
			t.Errorf("%+v", s)
		}
		if since := time.Since(lost); since > 7*time.Second {
			t.Errorf("reported after %s", since)
		}
		source.takes.Store(0)
		if s := state(); s.Error != "" {
			t.Errorf("%+v", s)
		}
	})
}
