package lambdahost

import (
	"io"
	"net/http"
	"strconv"
)

// routes are those of the Lambda Runtime API, version 2018-06-01.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func (p *process) routes() http.Handler {
	const base = "/2018-06-01/runtime"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"/invocation/next", p.handleNext)
	mux.HandleFunc("POST "+base+"/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) {
		p.handleResponse(w, r, "")
	})
	mux.HandleFunc("POST "+base+"/invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) {
		p.handleResponse(w, r, "Unhandled")
	})
	mux.HandleFunc("POST "+base+"/init/error", p.handleInitError)
	return mux
}

func (p *process) handleNext(w http.ResponseWriter, r *http.Request) {
	p.once.Do(func() { close(p.ready) })
	var in invocation
	select {
	case in = <-p.next:
	case <-r.Context().Done():
		return
	case <-p.exited:
		return
	}
	p.mu.Lock()
	p.current = in.id
	p.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", in.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(in.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", p.function.ARN)
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-"+strconv.FormatInt(in.deadline.Unix(), 16)+"-000000000000000000000000;Sampled=0")
	w.Write(in.payload) //nolint:errcheck // the exit of the process is noticed elsewhere
}

func (p *process) handleResponse(w http.ResponseWriter, r *http.Request, functionError string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := r.PathValue("id")
	p.mu.Lock()
	known := p.current == id
	if known {
		p.current = ""
	}
	p.mu.Unlock()
	if !known {
		http.Error(w, `{"errorType":"InvalidRequestID","errorMessage":"the request ID is not that of the current invocation"}`, http.StatusBadRequest)
		return
	}
	p.response <- Result{RequestID: id, Payload: body, FunctionError: functionError}
	w.WriteHeader(http.StatusAccepted)
}

func (p *process) handleInitError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.initErr = body
	p.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}
