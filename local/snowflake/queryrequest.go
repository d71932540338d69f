package snowflake

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// responseTimeout is how long a request for a result waits before the client
// is told to request again; the same as in Snowflake.
const responseTimeout = 45 * time.Second

// query is a statement that is running or has run.
type query struct {
	id      string
	session *session
	sql     string
	started time.Time
	ended   time.Time
	cancel  context.CancelFunc
	done    chan struct{}
	result  *result
	err     error
}

// queries has all queries since the start of the server.
type queries struct {
	background context.Context

	mu        sync.Mutex
	byID      map[string]*query
	byRequest map[string]*query
	running   sync.WaitGroup
}

func (q *queries) wait() { q.running.Wait() }

func (q *queries) find(id string) *query {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.byID[id]
}

func (q *queries) start(session *session, request, sql string, work func(context.Context) (*result, error)) *query {
	ctx, cancel := context.WithCancel(q.background)
	one := &query{id: newID(), session: session, sql: sql, started: time.Now(), cancel: cancel, done: make(chan struct{})}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.byID[one.id], q.byRequest[request] = one, one
	q.running.Go(func() {
		defer close(one.done)
		defer cancel()
		one.result, one.err = work(ctx)
		if one.err != nil && errors.Is(ctx.Err(), context.Canceled) {
			one.err = errorf("000604", "57014", "SQL execution canceled")
		}
		one.ended = time.Now()
	})
	return one
}

type queryRequest struct {
	SQL      string          `json:"sqlText"`
	Async    bool            `json:"asyncExec"`
	Describe bool            `json:"describeOnly"`
	Bindings map[string]bind `json:"bindings"`
}

func (s *Server) query(w http.ResponseWriter, r *http.Request, session *session) {
	var request queryRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		refuse(w, "000900", "the request is invalid: "+err.Error())
		return
	}
	one := s.queries.start(session, r.URL.Query().Get("requestId"), request.SQL, func(ctx context.Context) (*result, error) {
		statement, err := bindAll(request.SQL, request.Bindings)
		if err != nil {
			return nil, err
		}
		if request.Describe {
			return s.engine.describe(ctx, session, statement)
		}
		return s.runCreating(ctx, session, statement)
	})
	if request.Async {
		reply(w, response{Code: codeAsync, Success: true, Message: "Asynchronous query is in progress.", Data: one.progress()})
		return
	}
	s.respond(w, r, one, codeRunning)
}

func (s *Server) result(w http.ResponseWriter, r *http.Request, session *session) {
	one := s.queries.find(r.PathValue("id"))
	if one == nil || one.session.user != session.user {
		refuse(w, "000709", fmt.Sprintf("Statement %s not found", r.PathValue("id")))
		return
	}
	s.respond(w, r, one, codeAsync)
}

func (s *Server) respond(w http.ResponseWriter, r *http.Request, one *query, pending string) {
	timeout := time.NewTimer(responseTimeout)
	defer timeout.Stop()
	select {
	case <-one.done:
		reply(w, one.response())
	case <-r.Context().Done():
	case <-timeout.C:
		reply(w, response{Code: pending, Success: true, Message: "Query execution in progress", Data: one.progress()})
	}
}

func (q *query) progress() map[string]any {
	return map[string]any{"queryId": q.id, "getResultUrl": "/queries/" + q.id + "/result", "queryAbortsAfterSecs": 300}
}

func (q *query) response() response {
	if q.err != nil {
		e := asSQLError(q.err)
		return response{Code: e.code, Message: e.message, Data: map[string]any{"queryId": q.id, "sqlState": e.state, "errorCode": e.code}}
	}
	rows := q.result.rows
	if rows == nil {
		rows = [][]*string{} // the driver treats a missing rowset as another format
	}
	session := q.session.snapshot()
	return response{Code: codeOK, Success: true, Data: map[string]any{
		"queryId": q.id, "sqlState": "00000", "statementTypeId": q.result.statement,
		"rowtype": q.result.columns, "rowset": rows, "total": len(rows), "returned": len(rows),
		"queryResultFormat": "json", "parameters": sessionParameters,
		"finalDatabaseName": session.database, "finalSchemaName": session.schema,
		"finalWarehouseName": session.warehouse, "finalRoleName": session.role,
	}}
}

func (s *Server) abort(w http.ResponseWriter, r *http.Request, _ *session) {
	var request struct {
		ID string `json:"requestId"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		refuse(w, "000900", "the request is invalid: "+err.Error())
		return
	}
	s.queries.mu.Lock()
	one := s.queries.byRequest[request.ID]
	s.queries.mu.Unlock()
	if one == nil {
		refuse(w, codeNotRunning, "Identified SQL statement is not currently executing.")
		return
	}
	one.cancel()
	succeed(w, nil)
}

func (s *Server) monitor(w http.ResponseWriter, r *http.Request, _ *session) {
	one := s.queries.find(r.PathValue("id"))
	if one == nil {
		succeed(w, map[string]any{"queries": []any{}})
		return
	}
	status := map[string]any{"status": "RUNNING", "sqlText": one.sql, "startTime": one.started.UnixMilli()}
	select {
	case <-one.done:
		status["endTime"] = one.ended.UnixMilli()
		status["status"] = "SUCCESS"
		if one.err != nil {
			e := asSQLError(one.err)
			status["status"], status["errorCode"], status["errorMessage"] = "FAILED_WITH_ERROR", e.code, e.message
		}
	default:
	}
	succeed(w, map[string]any{"queries": []any{status}})
}

// newID returns an ID in the format of Snowflake's query IDs.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
