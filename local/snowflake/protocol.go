package snowflake

import (
	"encoding/json"
	"net/http"
	"strings"
)

// response is the body of every HTTP response. The HTTP status is always 200, because
// the driver retries every 5xx; code is a string of digits, also for errors.
type response struct {
	Data    any    `json:"data"`
	Message string `json:"message"`
	Code    string `json:"code"`
	Success bool   `json:"success"`
}

const (
	codeOK         = "0"
	codeRunning    = "333333" // a synchronous query is still running
	codeAsync      = "333334"
	codeNotRunning = "000605"
	codeNoSession  = "390104"
	codeExpired    = "390112"
	codeNoMaster   = "390114"
)

func reply(w http.ResponseWriter, r response) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(r) // fails only if the client has disconnected
}

func succeed(w http.ResponseWriter, data any) {
	reply(w, response{Data: data, Code: codeOK, Success: true})
}

func refuse(w http.ResponseWriter, code, message string) {
	reply(w, response{Code: code, Message: message})
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /session/v1/login-request", s.login)
	mux.HandleFunc("POST /session/token-request", s.renew)
	mux.HandleFunc("POST /session", s.authorized(s.closeSession))
	mux.HandleFunc("POST /session/heartbeat", s.authorized(func(w http.ResponseWriter, _ *http.Request, _ *session) {
		succeed(w, nil)
	}))
	mux.HandleFunc("POST /telemetry/send", func(w http.ResponseWriter, _ *http.Request) { succeed(w, "Log Received") })
	mux.HandleFunc("POST /queries/v1/query-request", s.authorized(s.query))
	mux.HandleFunc("POST /queries/v1/abort-request", s.authorized(s.abort))
	mux.HandleFunc("GET /queries/{id}/result", s.authorized(s.result))
	mux.HandleFunc("GET /monitoring/queries/{id}", s.authorized(s.monitor))
	return mux
}

func bearer(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), `Snowflake Token="`)
	return strings.TrimSuffix(token, `"`)
}

// authorized calls handle with the session of the request's token.
func (s *Server) authorized(handle func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, code, message := s.tokenStore.session(bearer(r))
		if session == nil {
			refuse(w, code, message)
			return
		}
		handle(w, r, session)
	}
}

func (s *Server) closeSession(w http.ResponseWriter, r *http.Request, session *session) {
	if r.URL.Query().Get("delete") == "true" {
		s.tokenStore.forget(session)
		session.close()
	}
	succeed(w, nil)
}
