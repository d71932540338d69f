package eventpattern

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

// Handler serves patterns over HTTP. POST {"pattern", "language"} checks a
// pattern; with an "event", which is JSON, it also matches. The response is
// {"matches"}, or 400 with the error of the pattern as text.
func Handler() http.Handler {
	type request struct {
		Pattern  string          `json:"pattern"`
		Language Language        `json:"language"`
		Event    json.RawMessage `json:"event"`
	}
	type cacheKey struct {
		pattern  string
		language Language
	}
	var parsed sync.Map // cacheKey -> Pattern
	handle := func(r *http.Request) (matches bool, err error) {
		var in request
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return false, err
		}
		if in.Language != EventBridge && in.Language != Lambda {
			return false, fmt.Errorf("the language %q is neither %s nor %s", in.Language, EventBridge, Lambda)
		}
		key := cacheKey{in.Pattern, in.Language}
		cached, ok := parsed.Load(key)
		if !ok {
			if cached, err = Parse(in.Pattern, in.Language); err != nil {
				return false, err
			}
			parsed.Store(key, cached)
		}
		if in.Event == nil {
			return false, nil
		}
		var event any
		if err := json.Unmarshal(in.Event, &event); err != nil {
			return false, err
		}
		return cached.(Pattern).Matches(event), nil //nolint:forcetypeassert // only Patterns are stored
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		matches, err := handle(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]bool{"matches": matches}) //nolint:errcheck // the client may have closed the connection
	})
}
