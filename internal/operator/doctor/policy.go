package doctor

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// policy is a policy of AWS, as far as the checks read it.
type policy struct {
	Statement list[statement]
}

type statement struct {
	Effect    string
	Principal json.RawMessage
	Action    list[string]
	Resource  list[string]
	Condition map[string]map[string]list[string]
}

// list is what a policy writes as one value or as a list of them.
type list[T any] []T

// UnmarshalJSON reads either.
func (l *list[T]) UnmarshalJSON(b []byte) error {
	var many []T
	if json.Unmarshal(b, &many) == nil {
		*l = many
		return nil
	}
	var one T
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*l = []T{one}
	return nil
}

func parsePolicy(text string) (policy, error) {
	var p policy
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("policy: %w", err)
	}
	return p, nil
}

// allows reports whether a policy of a resource lets a principal, a service or
// an ARN, do an action where a condition names a source, or none is there.
func (p policy) allows(principal, action, sourceARN string) bool {
	return slices.ContainsFunc(p.Statement, func(s statement) bool {
		return s.Effect == "Allow" && s.names(principal) && s.does(action) && s.source(sourceARN)
	})
}

// names reports whether a statement is for that principal.
func (s statement) names(principal string) bool {
	var one string
	if json.Unmarshal(s.Principal, &one) == nil {
		return one == "*"
	}
	var byKind map[string]list[string]
	if json.Unmarshal(s.Principal, &byKind) != nil {
		return false
	}
	for _, names := range byKind {
		if slices.Contains(names, principal) || slices.Contains(names, "*") {
			return true
		}
	}
	return false
}

// does reports whether a statement is of an action, in whatever case.
func (s statement) does(action string) bool {
	return slices.ContainsFunc(s.Action, func(a string) bool { return matches(strings.ToLower(a), strings.ToLower(action)) })
}

// source reports whether a statement's conditions on the source let it through.
func (s statement) source(arn string) bool {
	for _, condition := range s.Condition {
		for key, values := range condition {
			if strings.EqualFold(key, "aws:SourceArn") && !matchesAny(values, arn) {
				return false
			}
		}
	}
	return true
}

// condition returns the values that a statement demands of a key, in any operator.
func (s statement) condition(key string) []string {
	for _, condition := range s.Condition {
		for name, values := range condition {
			if strings.EqualFold(name, key) {
				return values
			}
		}
	}
	return nil
}

func matchesAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, s) })
}

// matches compares as IAM does: * is any text, ? any character.
func matches(pattern, s string) bool {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted)
	ok, err := regexp.MatchString("(?s)^"+quoted+"$", s)
	return err == nil && ok
}
