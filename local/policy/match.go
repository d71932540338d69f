package policy

import (
	"slices"
	"strings"
)

func (s statement) matches(r Request) bool {
	return s.matchesAction(r.Action) && s.matchesResource(r.Resource) && s.matchesPrincipal(r.Principal) &&
		!slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(r.Context) })
}

// Actions are compared without regard to case.
func (s statement) matchesAction(action string) bool {
	named := func(pattern string) bool { return glob(strings.ToLower(pattern), strings.ToLower(action)) }
	if s.notActions != nil {
		return !slices.ContainsFunc(s.notActions, named)
	}
	return slices.ContainsFunc(s.actions, named)
}

func (s statement) matchesResource(resource string) bool {
	named := func(pattern string) bool { return glob(pattern, resource) }
	switch {
	case s.notResource != nil:
		return !slices.ContainsFunc(s.notResource, named)
	case s.resources != nil:
		return slices.ContainsFunc(s.resources, named)
	}
	return true // a trust policy
}

// matchesPrincipal knows the forms of a principal: * for everybody, an account
// by its number or its root, or the very ARN. No other wildcard counts here.
func (s statement) matchesPrincipal(principal string) bool {
	if s.principals == nil {
		return true // an identity policy
	}
	parts := strings.SplitN(principal, ":", 6)
	return slices.ContainsFunc(s.principals, func(p string) bool {
		if p == "*" || p == principal {
			return true
		}
		if len(parts) < 6 {
			return false
		}
		account := parts[4]
		return account != "" && (p == account || p == strings.Join(parts[:5], ":")+":root")
	})
}

// glob matches * (anything, slashes and colons too) and ? (one byte).
func glob(pattern, s string) bool {
	// star is where the last * was, mark how far s had been matched then.
	star, mark, p, i := -1, 0, 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// globARN matches two ARNs part by part: * does not reach over a colon, but in
// the last of the six parts.
func globARN(pattern, arn string) bool {
	patterns, parts := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(patterns) != len(parts) {
		return pattern == "*"
	}
	for i := range parts {
		if !glob(patterns[i], parts[i]) {
			return false
		}
	}
	return true
}
