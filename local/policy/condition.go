package policy

import (
	"fmt"
	"slices"
	"strings"
)

// condition is one key of a Condition block.
type condition struct {
	key      string // lower-case
	values   []template
	compare  comparison
	negated  bool
	null     bool // operator Null
	ifExists bool
	set      string // ForAnyValue, ForAllValues or empty
}

// comparison compares a value of a policy with the value of a request.
type comparison func(value pattern, actual string) bool

// operators are those with a plain comparison. Each but Bool also has its
// negation, in which Not stands before Equals, Like or EqualsIgnoreCase.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = map[string]comparison{
	"StringEquals":           func(v pattern, a string) bool { return v.text() == a },
	"StringEqualsIgnoreCase": func(v pattern, a string) bool { return strings.EqualFold(v.text(), a) },
	"StringLike":             pattern.matches,
	// For ARNs, Equals and Like behave identically.
	"ArnEquals": pattern.matchesARN,
	"ArnLike":   pattern.matchesARN,
	"Bool":      func(v pattern, a string) bool { return strings.EqualFold(v.text(), a) },
}

func parseCondition(operator, key string, values []string, variables bool) (condition, error) {
	c := condition{key: strings.ToLower(key)}
	name := operator
	if set, unqualified, ok := strings.Cut(operator, ":"); ok {
		if set != "ForAnyValue" && set != "ForAllValues" {
			return c, fmt.Errorf("unknown condition operator %q", operator)
		}
		c.set, name = set, unqualified
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	var err error
	if c.values, err = templates(values, variables); err != nil {
		return c, err
	}
	if operator == "Null" {
		c.null = true
		return c, nil
	}
	if c.compare = operators[name]; c.compare == nil {
		c.compare, c.negated = operators[strings.Replace(name, "Not", "", 1)], true
	}
	if c.compare == nil || (c.negated && name == "NotBool") {
		return c, fmt.Errorf("unknown condition operator %q", operator)
	}
	return c, nil
}

// holds evaluates the condition. Keys with several values follow
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func (c condition) holds(context context) bool {
	actual := context[c.key]
	absent := len(actual) == 0
	if c.null {
		return slices.ContainsFunc(c.values, func(v template) bool {
			p, ok := v.resolve(context)
			return ok && strings.EqualFold(p.text(), "true") == absent
		})
	}
	fits := func(a string) bool {
		return slices.ContainsFunc(c.values, func(v template) bool {
			p, ok := v.resolve(context)
			return ok && c.compare(p, a)
		}) != c.negated
	}
	switch {
	case c.set == "ForAllValues":
		return !slices.ContainsFunc(actual, func(a string) bool { return !fits(a) })
	case absent && c.set == "ForAnyValue":
		return c.ifExists
	case absent:
		// A missing key is different from every value.
		return c.ifExists || c.negated
	case c.negated && c.set == "":
		return !slices.ContainsFunc(actual, func(a string) bool { return !fits(a) })
	}
	return slices.ContainsFunc(actual, fits)
}
