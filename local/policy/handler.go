package policy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

// Handler serves Authorize over HTTP: POST with an evaluation as JSON; the
// response is a response as JSON, or 400 with the error of a policy as text.
func Handler() http.Handler {
	var parsed sync.Map // cacheKey -> Document
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e evaluation
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p, err := e.policies(&parsed)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		result := Authorize(e.Request, p)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(response{result.Decision.String(), result.Statements}) //nolint:errcheck // the client may have closed the connection
	})
}

// evaluation is the body of a request to Handler.
type evaluation struct {
	Request

	Identity          []namedText `json:"identity"`
	IdentityAllows    bool        `json:"identityAllows"`
	ResourcePolicy    *namedText  `json:"resourcePolicy"`
	Trust             bool        `json:"trust"` // the resource policy is the trust policy of a role
	ResourceMustAllow bool        `json:"resourceMustAllow"`
	ResourceAccount   string      `json:"resourceAccount"`
}

type namedText struct {
	Name     string `json:"name"`
	Document string `json:"document"`
}

type response struct {
	Decision   string   `json:"decision"`
	Statements []string `json:"statements"`
}

type cacheKey struct {
	kind     Kind
	document string
}

func (e evaluation) policies(parsed *sync.Map) (Policies, error) {
	p := Policies{
		IdentityAllows: e.IdentityAllows, ResourceMustAllow: e.ResourceMustAllow || e.Trust, ResourceAccount: e.ResourceAccount,
	}
	for _, text := range e.Identity {
		n, err := text.parse(Identity, parsed)
		if err != nil {
			return p, err
		}
		p.Identity = append(p.Identity, n)
	}
	if e.ResourcePolicy != nil {
		kind := Resource
		if e.Trust {
			kind = Trust
		}
		n, err := e.ResourcePolicy.parse(kind, parsed)
		if err != nil {
			return p, err
		}
		p.Resource = &n
	}
	return p, nil
}

func (t namedText) parse(kind Kind, parsed *sync.Map) (Named, error) {
	key := cacheKey{kind, t.Document}
	if d, ok := parsed.Load(key); ok {
		return Named{t.Name, d.(Document)}, nil //nolint:forcetypeassert // only Documents are stored
	}
	d, err := Parse(kind, t.Document)
	if err != nil {
		return Named{}, fmt.Errorf("%s: %w", t.Name, err)
	}
	parsed.Store(key, d)
	return Named{t.Name, d}, nil
}
