package ui

import (
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"time"

	"example.com/ingestion/internal/operator"
)

//go:embed page
var page embed.FS

// newHandler serves the page and its events on a port of the loopback interface.
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
	mux.HandleFunc("GET /upload", h.upload)
	mux.HandleFunc("GET /versions", h.versions)
	return &guard{next: mux, hosts: hosts}
}

// guard rejects requests of other hosts and other web pages.
type guard struct {
	next  http.Handler
	hosts map[string]bool
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A web page can have its own host name resolve to 127.0.0.1 and so read what is
	// served there (DNS rebinding); its requests have that name in the Host header.
	if !g.hosts[r.Host] {
		http.Error(w, "this page is for this machine only: use http://127.0.0.1 and its port", http.StatusForbidden)
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

// upload sends the upload that the parameters feed, as Stack/feed, and id name.
func (h *hub) upload(w http.ResponseWriter, r *http.Request) {
	v, err := h.source.Upload(r.Context(), r.FormValue("feed"), r.FormValue("id"))
	respond(w, v, err)
}

// versions sends the records with a key: feed is Stack/feed, each key a value of it.
func (h *hub) versions(w http.ResponseWriter, r *http.Request) {
	v, err := h.source.Versions(r.Context(), r.FormValue("feed"), r.Form["key"])
	respond(w, v, err)
}

// respond sends what was read, or the error.
func respond(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, ErrNotFound):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, operator.Explain(err), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// An error means that the browser has closed the connection.
	_ = json.NewEncoder(w).Encode(v)
}

// heartbeat is the interval of comments on an idle connection, which detect that it
// was closed.
const heartbeat = 15 * time.Second

// events sends the current state and every later change as server-sent events.
func (h *hub) events(w http.ResponseWriter, r *http.Request) {
	updates, leave := h.join()
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		message := []byte(": heartbeat\n\n")
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
