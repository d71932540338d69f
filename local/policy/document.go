package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Kind is what a policy is attached to, which decides which elements it must have.
type Kind int

// The kinds of policies.
const (
	Identity Kind = iota // of a role: Resource, no Principal
	Trust                // the trust policy of a role: Principal, no Resource
	Resource             // of a bucket, queue, topic, function or key: both
)

// Document is a policy that Parse accepted.
type Document struct{ statements []statement }

// ParseEncoded is Parse for what the IAM API returns: JSON in URL encoding.
func ParseEncoded(kind Kind, document string) (Document, error) {
	text, err := url.PathUnescape(document)
	if err != nil {
		return Document{}, fmt.Errorf("policy: %w", err)
	}
	return Parse(kind, text)
}

// Parse reads a policy. It refuses elements, principals, actions and condition
// operators that it does not support.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func Parse(kind Kind, document string) (Document, error) {
	var raw struct {
		Version   string
		ID        string `json:"Id"`
		Statement oneOrMany[rawStatement]
	}
	if err := decode([]byte(document), &raw); err != nil {
		return Document{}, fmt.Errorf("policy: %w", err)
	}
	switch raw.Version {
	case "", "2008-10-17", "2012-10-17":
	default:
		return Document{}, fmt.Errorf("policy: version %q is neither 2012-10-17 nor 2008-10-17", raw.Version)
	}
	var d Document
	for i, r := range raw.Statement {
		s, err := r.parse(kind, raw.Version == "2012-10-17")
		if err != nil {
			return Document{}, fmt.Errorf("policy, statement %d %s: %w", i+1, r.Sid, err)
		}
		s.label = r.Sid
		if s.label == "" {
			s.label = strconv.Itoa(i + 1)
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

// oneOrMany is a list that JSON may write as a single value.
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

// stringList has the values of an element. Conditions also have booleans and numbers.
type stringList []string

// UnmarshalJSON reads one scalar or a list of them.
func (l *stringList) UnmarshalJSON(b []byte) error {
	var scalars oneOrMany[any]
	if err := json.Unmarshal(b, &scalars); err != nil {
		return err
	}
	*l = stringList{} // not nil: the element is present
	for _, s := range scalars {
		switch s.(type) {
		case string, bool, float64:
			*l = append(*l, fmt.Sprint(s))
		default:
			return fmt.Errorf("%s is neither a string nor a list of strings", b)
		}
	}
	return nil
}

type rawStatement struct {
	Sid, Effect       string
	Action, NotAction stringList
	Resource          stringList
	NotResource       stringList
	Principal         json.RawMessage
	NotPrincipal      json.RawMessage
	Condition         map[string]map[string]stringList
}

// statement is one rule of a policy; the slices are nil where the element is missing.
type statement struct {
	label                   string // its Sid, or its number from 1
	deny                    bool
	actions, notActions     []template
	resources, notResources []template
	principals              *principals // nil in identity policies
	conditions              []condition
}

func (r rawStatement) parse(kind Kind, variables bool) (statement, error) {
	s := statement{deny: r.Effect == "Deny"}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Effect != "Allow" && r.Effect != "Deny" {
		fail("the effect %q is neither Allow nor Deny", r.Effect)
	}
	if (r.Action == nil) == (r.NotAction == nil) {
		fail("exactly one of Action and NotAction is required")
	}
	if kind != Trust && (r.Resource == nil) == (r.NotResource == nil) {
		fail("exactly one of Resource and NotResource is required")
	}
	if kind == Trust && (r.Resource != nil || r.NotResource != nil) {
		fail("a trust policy has no Resource")
	}
	if r.NotPrincipal != nil {
		fail("NotPrincipal is not supported")
	}
	switch {
	case kind == Identity && r.Principal != nil:
		fail("a policy of a role has no Principal")
	case kind != Identity && r.Principal == nil:
		fail("Principal is required")
	case kind != Identity:
		var err error
		s.principals, err = parsePrincipals(r.Principal)
		errs = append(errs, err)
	}
	for _, action := range append(r.Action, r.NotAction...) {
		if service, name, ok := strings.Cut(action, ":"); action != "*" && (!ok || service == "" || name == "") {
			fail("the action %q is neither * nor service:Action", action)
		}
	}
	s.actions, s.notActions = actionTemplates(r.Action), actionTemplates(r.NotAction)
	var err error
	if s.resources, err = templates(r.Resource, variables); err != nil {
		errs = append(errs, err)
	}
	if s.notResources, err = templates(r.NotResource, variables); err != nil {
		errs = append(errs, err)
	}
	for operator, keys := range r.Condition {
		for key, values := range keys {
			c, err := parseCondition(operator, key, values, variables)
			errs = append(errs, err)
			s.conditions = append(s.conditions, c)
		}
	}
	return s, errors.Join(errs...)
}
