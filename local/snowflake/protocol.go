package snowflake

import (
	"encoding/json"
	"net/http"
	"strings"
)

// answer is the envelope of every reply: always HTTP 200, since the driver
// tries any 5xx again; code is a string of digits even on failure.
type answer struct {
	Data    any    `json:"data"`
	Message string `json:"message"`
	Code    string `json:"code"`
	Success bool   `json:"success"`
}

const (
	codeOK         = "0"
	codeRunning    = "333333" // a synchronous query takes long: ask again
	codeAsync      = "333334"
	codeNotRunning = "000605"
	codeNoSession  = "390104"
	codeExpired    = "390112"
	codeNoMaster   = "390114"
)

func reply(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a) // the client has gone: nobody is left to tell
}

func succeed(w http.ResponseWriter, data any) {
	reply(w, answer{Data: data, Code: codeOK, Success: true})
}

func refuse(w http.ResponseWriter, code, message string) {
	reply(w, answer{Code: code, Message: message})
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

// authorized hands a request on with the session of its token.
func (s *Server) authorized(handle func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, code, message := s.logins.session(bearer(r))
		if session == nil {
			refuse(w, code, message)
			return
		}
		handle(w, r, session)
	}
}

func (s *Server) closeSession(w http.ResponseWriter, r *http.Request, session *session) {
	if r.URL.Query().Get("delete") == "true" {
		s.logins.forget(session)
		session.close()
	}
	succeed(w, nil)
}
