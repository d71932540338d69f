package policy

import (
	"slices"
	"strings"
)

// Request is what a principal requests.
type Request struct {
	Principal Principal `json:"principal"`
	// Action such as s3:GetObject. Case does not matter.
	Action string `json:"action"`
	// Resource is an ARN; empty for a trust policy, which has none.
	Resource string `json:"resource"`
	// Context has the values of condition keys. Case does not matter in the keys.
	Context map[string][]string `json:"context"`
}

// context is the Context of a Request with keys in lower case.
type context map[string][]string

func newContext(values map[string][]string) context {
	c := make(context, len(values))
	for k, v := range values {
		c[strings.ToLower(k)] = v
	}
	return c
}

// Decision is the result of an evaluation.
type Decision int

// The decisions. Where an Allow and a Deny match, Denied wins.
const (
	NotAllowed Decision = iota // no statement allows the request
	Allowed
	Denied // a statement denies the request
)

// String is the name of the decision.
func (d Decision) String() string {
	return [...]string{"not allowed", "allowed", "denied"}[d]
}

// Evaluate evaluates documents of one kind together, as IAM does with the
// policies of one identity.
func Evaluate(r Request, documents ...Document) Decision {
	decision := NotAllowed
	c := newContext(r.Context)
	for _, d := range documents {
		for _, s := range d.statements {
			switch {
			case s.match(r, c) == notNamed:
			case s.deny:
				return Denied
			default:
				decision = Allowed
			}
		}
	}
	return decision
}

// Named is a policy with a name for reports.
type Named struct {
	Name     string
	Document Document
}

// Policies are those that apply to a request.
type Policies struct {
	// Identity has the policies of the role that makes the request.
	Identity []Named
	// IdentityAllows stands for identity policies that allow every request: those
	// of an administrator.
	IdentityAllows bool
	// Resource is the policy of the resource, or the trust policy of a role; nil
	// if it has none.
	Resource *Named
	// ResourceMustAllow is set for resources whose policy must allow every
	// request, also one of their own account: KMS keys and roles.
	// https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
	ResourceMustAllow bool
	// ResourceAccount is the account that owns the resource.
	ResourceAccount string
}

// Result is a decision and the statements that led to it.
type Result struct {
	Decision Decision
	// Statements that matched and were decisive: the Deny statements if any denies,
	// else the Allow statements. Each is the name of its policy, #, and its Sid or
	// its number from 1.
	Statements []string
}

// Authorize decides a request by all policies that apply to it. Within an
// account, an Allow of the identity or of the resource is enough, unless the
// resource names the account only: then both must allow it. Between accounts,
// both must allow it. Services have no identity policies.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
func Authorize(r Request, p Policies) Result {
	c := newContext(r.Context)
	var denied, identity, resource []string
	granted := notNamed
	for _, n := range p.Identity {
		allows, denies, _ := n.match(r, c)
		identity, denied = append(identity, allows...), append(denied, denies...)
	}
	if p.Resource != nil {
		var denies []string
		resource, denies, granted = p.Resource.match(r, c)
		denied = append(denied, denies...)
	}
	if len(denied) > 0 {
		return Result{Denied, denied}
	}
	var allowed bool
	switch byIdentity := p.IdentityAllows || len(identity) > 0; {
	case r.Principal.Service != "":
		allowed = granted == byName
	case r.Principal.Account() != p.ResourceAccount:
		allowed = byIdentity && granted != notNamed
	case p.ResourceMustAllow:
		allowed = granted == byName || granted == byAccount && byIdentity
	default:
		allowed = granted == byName || byIdentity
	}
	if !allowed {
		return Result{Decision: NotAllowed}
	}
	return Result{Allowed, append(identity, resource...)}
}

// match returns the statements of the policy that match, and the strongest form
// in which those that allow name the principal.
func (n Named) match(r Request, c context) (allows, denies []string, granted grant) {
	for _, s := range n.Document.statements {
		g := s.match(r, c)
		switch label := n.Name + "#" + s.label; {
		case g == notNamed:
		case s.deny:
			denies = append(denies, label)
		default:
			allows, granted = append(allows, label), max(granted, g)
		}
	}
	return allows, denies, granted
}

// match returns how the statement names the principal if it matches the request;
// a statement of an identity policy that matches does so byName.
func (s statement) match(r Request, c context) grant {
	granted := byName
	if s.principals != nil {
		granted = s.principals.match(r.Principal)
	}
	if granted == notNamed || !s.matchesAction(r.Action, c) || !s.matchesResource(r.Resource, c) {
		return notNamed
	}
	for _, condition := range s.conditions {
		if !condition.holds(c) {
			return notNamed
		}
	}
	return granted
}

func (s statement) matchesAction(action string, c context) bool {
	action = strings.ToLower(action)
	if s.notActions != nil {
		return !matchAny(s.notActions, c, action, pattern.matches)
	}
	return matchAny(s.actions, c, action, pattern.matches)
}

func (s statement) matchesResource(resource string, c context) bool {
	switch {
	case s.notResources != nil:
		return !matchAny(s.notResources, c, resource, pattern.matchesResource)
	case s.resources != nil:
		return matchAny(s.resources, c, resource, pattern.matchesResource)
	}
	return true // a trust policy
}

func matchAny(templates []template, c context, text string, compare comparison) bool {
	return slices.ContainsFunc(templates, func(t template) bool {
		p, ok := t.resolve(c)
		return ok && compare(p, text)
	})
}
