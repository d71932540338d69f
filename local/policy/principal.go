package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Principal is who makes a request: an IAM principal or an AWS service.
type Principal struct {
	// ARNs of an IAM principal: those of a role session and of its role, or that
	// of a user, or that of the root of an account. Empty for a service.
	ARNs []string `json:"arns,omitempty"`
	// Service is the name of an AWS service, such as sns.amazonaws.com.
	Service string `json:"service,omitempty"`
	// WholeAccount lets the principal match every principal of its account. The
	// local AWS has credentials of an account without a user or role: they stand
	// for whichever principal a policy names.
	WholeAccount bool `json:"wholeAccount,omitempty"`
}

// Account is the account of an IAM principal, or empty for a service.
func (p Principal) Account() string {
	if len(p.ARNs) == 0 {
		return ""
	}
	return accountOf(p.ARNs[0])
}

func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

func (p Principal) String() string {
	if p.Service != "" {
		return p.Service
	}
	return strings.Join(p.ARNs, " ")
}

// grant is how a policy names a principal.
type grant int

const (
	notNamed  grant = iota
	byAccount       // by its account, which lets the account grant permissions by identity policies
	byName          // by its ARN, its service, or as everybody
)

// principals is the element Principal.
type principals struct {
	everybody bool
	aws       []string
	services  []string
}

// parsePrincipals reads the element Principal. Federated and canonical users
// never make requests to the local AWS.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func parsePrincipals(b json.RawMessage) (*principals, error) {
	var all string
	if json.Unmarshal(b, &all) == nil {
		if all != "*" {
			return nil, fmt.Errorf("the principal %q is not *", all)
		}
		return &principals{everybody: true}, nil
	}
	var byType map[string]stringList
	if err := json.Unmarshal(b, &byType); err != nil {
		return nil, fmt.Errorf("principal: %w", err)
	}
	p := &principals{}
	for kind, names := range byType {
		switch kind {
		case "AWS":
			p.aws = names
			p.everybody = slices.Contains(names, "*")
		case "Service":
			p.services = names
		case "Federated", "CanonicalUser":
		default:
			return nil, fmt.Errorf("unknown type of principal %q", kind)
		}
	}
	return p, nil
}

// match returns how the element names a principal. In an ARN, wildcards have no
// meaning; only * alone stands for everybody.
func (p *principals) match(r Principal) grant {
	switch {
	case p.everybody:
		return byName
	case r.Service != "":
		if slices.Contains(p.services, r.Service) {
			return byName
		}
		return notNamed
	}
	account, found := r.Account(), notNamed
	for _, name := range p.aws {
		switch {
		case slices.Contains(r.ARNs, name), r.WholeAccount && accountOf(name) == account:
			return byName
		case account != "" && (name == account || strings.HasSuffix(name, ":iam::"+account+":root")):
			found = byAccount
		}
	}
	return found
}
