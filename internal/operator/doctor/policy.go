package doctor

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// policy holds the parts of an IAM policy document that the checks use.
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

// list is a value that a policy contains as a single value or as an array.
type list[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
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

// allows reports whether a resource policy allows a principal (a service or an ARN) an
// action for a source ARN.
func (p policy) allows(principal, action, sourceARN string) bool {
	return slices.ContainsFunc(p.Statement, func(s statement) bool {
		return s.Effect == "Allow" && s.matchesPrincipal(principal) && s.matchesAction(action) && s.matchesSource(sourceARN)
	})
}

// allowsRules reports whether rules of EventBridge may act on a topic. EventBridge
// meets no condition in the policy of a topic:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
func (p policy) allowsRules(action string) bool {
	return slices.ContainsFunc(p.Statement, func(s statement) bool {
		return s.Effect == "Allow" && len(s.Condition) == 0 && s.matchesPrincipal("events.amazonaws.com") && s.matchesAction(action)
	})
}

// matchesPrincipal reports whether a statement applies to a principal.
func (s statement) matchesPrincipal(principal string) bool {
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

// matchesAction reports whether a statement applies to an action. Actions are
// case-insensitive.
func (s statement) matchesAction(action string) bool {
	return slices.ContainsFunc(s.Action, func(a string) bool { return matches(strings.ToLower(a), strings.ToLower(action)) })
}

// matchesSource reports whether the aws:SourceArn conditions of a statement match.
func (s statement) matchesSource(arn string) bool {
	for _, condition := range s.Condition {
		for key, values := range condition {
			if strings.EqualFold(key, "aws:SourceArn") && !matchesAny(values, arn) {
				return false
			}
		}
	}
	return true
}

// condition returns the values of a condition key, whatever its operator.
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

// matches compares a pattern as IAM does: * is any text, ? any character.
func matches(pattern, s string) bool {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted)
	ok, err := regexp.MatchString("(?s)^"+quoted+"$", s)
	return err == nil && ok
}
