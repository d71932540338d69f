package ui

import (
	"embed"
	"io/fs"
	"net"
	"net/http"
	"time"
)

//go:embed page
var page embed.FS

// newHandler serves on that port of loopback.
func newHandler(h *hub, port string) http.Handler {
	hosts := map[string]bool{}
	for _, name := range []string{"127.0.0.1", "localhost", "::1"} {
		hosts[net.JoinHostPort(name, port)] = true
	}
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /events", h.events)
	return &guard{next: mux, hosts: hosts}
}

// guard keeps out whoever is not this machine's own browser on this page.
type guard struct {
	next  http.Handler
	hosts map[string]bool
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A page of a stranger can have its own name resolve to 127.0.0.1 and then
	// read what is served there; its requests carry that name.
	if !g.hosts[r.Host] {
		http.Error(w, "this page is for this machine only: ask for it by http://127.0.0.1 and its port", http.StatusForbidden)
		return
	}
	header := w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	g.next.ServeHTTP(w, r)
}

// heartbeat is how often something goes over a connection on which nothing
// happens, so that one that is gone is noticed.
const heartbeat = 15 * time.Second

// events sends the state, and then each that differs from the one before, as
// server-sent events.
func (h *hub) events(w http.ResponseWriter, r *http.Request) {
	updates, leave := h.join()
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		message := []byte(": nothing new\n\n")
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
		case text, ok := <-updates:
			if !ok {
				return
			}
			message = append(append([]byte("data: "), text...), "\n\n"...)
		}
		if _, err := w.Write(message); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
	}
}
