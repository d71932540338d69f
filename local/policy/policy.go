// Package policy evaluates IAM policies: identity policies, trust policies and
// those of resources. What it does not know is an error, never a permission.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Document is a policy that Parse accepted.
type Document struct{ statements []statement }

// Request is what somebody asks for.
type Request struct {
	// Principal is the ARN of who asks. Policies of resources need it.
	Principal string
	Action    string
	// Resource is empty where a trust policy is asked: it stands for its role.
	Resource string
	// Context has the values of condition keys. Case does not matter in the keys.
	Context map[string][]string
}

// Decision is what policies say of a request.
type Decision int

// The decisions. Where an Allow and a Deny match, Denied wins.
const (
	NotAllowed Decision = iota // no statement allows it
	Allowed
	Denied // a statement denies it
)

// Evaluate asks all documents together, as IAM does for one identity.
func Evaluate(r Request, documents ...Document) Decision {
	context := make(map[string][]string, len(r.Context))
	for k, v := range r.Context {
		context[strings.ToLower(k)] = v
	}
	r.Context = context
	decision := NotAllowed
	for _, d := range documents {
		for _, s := range d.statements {
			switch {
			case !s.matches(r):
			case s.deny:
				return Denied
			default:
				decision = Allowed
			}
		}
	}
	return decision
}

// Kind says where a policy is attached, which decides what it must have.
type Kind int

// The kinds of policies.
const (
	Identity Kind = iota // of a role: Resource, no Principal
	Trust                // who may assume a role: Principal, no Resource
	Resource             // of a topic or a bucket: both
)

// ParseEncoded is Parse for what IAM returns: JSON in URL encoding.
func ParseEncoded(kind Kind, document string) (Document, error) {
	text, err := url.PathUnescape(document)
	if err != nil {
		return Document{}, fmt.Errorf("policy: %w", err)
	}
	return Parse(kind, text)
}

// Parse reads a policy. It refuses elements, condition operators and policy
// variables that it does not know.
func Parse(kind Kind, document string) (Document, error) {
	var raw struct {
		Version   string
		ID        string `json:"Id"`
		Statement oneOrMany[rawStatement]
	}
	if err := decode([]byte(document), &raw); err != nil {
		return Document{}, fmt.Errorf("policy: %w", err)
	}
	var d Document
	for i, r := range raw.Statement {
		s, err := r.parse(kind)
		if err != nil {
			return Document{}, fmt.Errorf("policy, statement %d %s: %w", i+1, r.Sid, err)
		}
		d.statements = append(d.statements, s)
	}
	return d, nil
}

// decode refuses elements that v has no field for.
func decode(b []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// oneOrMany is a list that JSON may give as a single value.
type oneOrMany[T any] []T

// UnmarshalJSON reads a list or one value.
func (l *oneOrMany[T]) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return decode(b, (*[]T)(l))
	}
	var one T
	if err := decode(b, &one); err != nil {
		return err
	}
	*l = []T{one}
	return nil
}

// words are the strings of an element. Conditions also have booleans and numbers.
type words []string

// UnmarshalJSON reads one scalar or a list of them.
func (w *words) UnmarshalJSON(b []byte) error {
	var scalars oneOrMany[any]
	if err := json.Unmarshal(b, &scalars); err != nil {
		return err
	}
	*w = words{} // not nil: the element is there
	for _, s := range scalars {
		switch s.(type) {
		case string, bool, float64:
			*w = append(*w, fmt.Sprint(s))
		default:
			return fmt.Errorf("%s is neither a string nor a list of strings", b)
		}
	}
	return nil
}

type rawStatement struct {
	Sid, Effect       string
	Action, NotAction words
	Resource          words
	NotResource       words
	Principal         json.RawMessage
	NotPrincipal      json.RawMessage
	Condition         map[string]map[string]words
}

// statement is one rule; the slices are nil where the element is left out.
type statement struct {
	deny                   bool
	actions, notActions    words
	resources, notResource words
	principals             words // nil in identity policies
	conditions             []condition
}

func (r rawStatement) parse(kind Kind) (statement, error) {
	s := statement{
		deny: r.Effect == "Deny", actions: r.Action, notActions: r.NotAction,
		resources: r.Resource, notResource: r.NotResource,
	}
	var errs []error
	if r.Effect != "Allow" && r.Effect != "Deny" {
		errs = append(errs, fmt.Errorf("the effect %q is neither Allow nor Deny", r.Effect))
	}
	if (r.Action == nil) == (r.NotAction == nil) {
		errs = append(errs, errors.New("it needs one of Action and NotAction"))
	}
	if kind != Trust && (r.Resource == nil) == (r.NotResource == nil) {
		errs = append(errs, errors.New("it needs one of Resource and NotResource"))
	}
	if kind == Trust && (r.Resource != nil || r.NotResource != nil) {
		errs = append(errs, errors.New("a trust policy has no Resource"))
	}
	if r.NotPrincipal != nil {
		errs = append(errs, errors.New("NotPrincipal is not supported"))
	}
	switch {
	case kind == Identity && r.Principal != nil:
		errs = append(errs, errors.New("a policy of a role has no Principal"))
	case kind != Identity && r.Principal == nil:
		errs = append(errs, errors.New("it has no Principal"))
	case kind != Identity:
		var err error
		if s.principals, err = parsePrincipals(r.Principal); err != nil {
			errs = append(errs, err)
		}
	}
	for _, resource := range append(r.Resource, r.NotResource...) {
		errs = append(errs, noVariable(resource))
	}
	for operator, keys := range r.Condition {
		for key, values := range keys {
			c, err := parseCondition(operator, key, values)
			errs = append(errs, err)
			s.conditions = append(s.conditions, c)
		}
	}
	return s, errors.Join(errs...)
}

// noVariable refuses policy variables, which would need what is not known here.
func noVariable(s string) error {
	if strings.Contains(s, "${") {
		return fmt.Errorf("policy variables are not supported: %s", s)
	}
	return nil
}

// parsePrincipals returns the AWS principals. Those of services and federations
// are never who asks here.
func parsePrincipals(b json.RawMessage) (words, error) {
	var all string
	if json.Unmarshal(b, &all) == nil {
		if all != "*" {
			return nil, fmt.Errorf("the principal %q is not *", all)
		}
		return words{"*"}, nil
	}
	var byKind map[string]words
	if err := json.Unmarshal(b, &byKind); err != nil {
		return nil, fmt.Errorf("principal: %w", err)
	}
	found := words{}
	for kind, names := range byKind {
		switch kind {
		case "AWS":
			found = append(found, names...)
		case "Service", "Federated", "CanonicalUser":
		default:
			return nil, fmt.Errorf("unknown kind of principal %q", kind)
		}
	}
	return found, nil
}
