package lambdahost

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"example.com/ingestion/local/eventpattern"
	"example.com/ingestion/local/policy"
)

// routes are those of the Invoke API of Lambda, which the gateway of the local
// AWS (local/aws/gateway.py) forwards to the host, and three for the local AWS
// itself: its CloudFormation waits for event source mappings to take effect, and
// its services evaluate IAM policies and event patterns.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (h *Host) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", h.handleInvoke)
	mux.HandleFunc("POST /event-source-mappings/sync", h.handleSyncMappings)
	mux.Handle("POST /policies/evaluate", policy.Handler())
	mux.Handle("POST /event-patterns", eventpattern.Handler())
	return mux
}

// handleSyncMappings responds once the pollers match the event source mappings
// that exist now. AWS has no such API: there, a mapping has a state.
func (h *Host) handleSyncMappings(w http.ResponseWriter, r *http.Request) {
	if err := h.syncMappings(r.Context()); err != nil {
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *Host) handleInvoke(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSyncPayload+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		writeError(w, ErrTooLarge)
		return
	case err != nil:
		writeError(w, err)
		return
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	name := r.PathValue("name")
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
		res, err := h.Invoke(r.Context(), name, payload)
		if err != nil {
			writeError(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Requestid", res.RequestID)
		w.Header().Set("X-Amz-Executed-Version", "$LATEST")
		if res.FunctionError != "" {
			w.Header().Set("X-Amz-Function-Error", res.FunctionError)
		}
		if r.Header.Get("X-Amz-Log-Type") == "Tail" && res.Log != "" {
			w.Header().Set("X-Amz-Log-Result", res.Log)
		}
		w.Write(res.Payload) //nolint:errcheck // the caller may have closed the connection
	case "Event":
		id, err := h.InvokeAsync(r.Context(), name, payload)
		if err != nil {
			writeError(w, err)
			return
		}
		w.Header().Set("X-Amzn-Requestid", id)
		w.WriteHeader(http.StatusAccepted)
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
	default:
		writeError(w, errors.New("unknown invocation type "+kind))
	}
}

// writeError responds in the form of Lambda, which the SDKs convert to their error types.
func writeError(w http.ResponseWriter, err error) {
	kind, status := "ServiceException", http.StatusInternalServerError
	switch {
	case errors.Is(err, ErrNoFunction):
		kind, status = "ResourceNotFoundException", http.StatusNotFound
	case errors.Is(err, ErrThrottled):
		kind, status = "TooManyRequestsException", http.StatusTooManyRequests
	case errors.Is(err, ErrTooLarge):
		kind, status = "RequestTooLargeException", http.StatusRequestEntityTooLarge
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"Type": "User", "Message": err.Error()}) //nolint:errcheck // the caller may have closed the connection
}
