package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// condition is one key of a Condition block.
type condition struct {
	key      string // lower-case
	values   []string
	equal    func(value, actual string) bool
	negated  bool
	null     bool // operator Null
	ifExists bool
	set      string // ForAnyValue, ForAllValues or empty
}

// operators are those with a plain comparison. Each but Bool also has its
// negation, in which Not stands before Equals, Like or EqualsIgnoreCase.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = map[string]func(value, actual string) bool{
	"StringEquals":           func(v, a string) bool { return v == a },
	"StringEqualsIgnoreCase": strings.EqualFold,
	"StringLike":             glob,
	// For ARNs, AWS takes Equals and Like for the same.
	"ArnEquals": globARN,
	"ArnLike":   globARN,
	"Bool":      strings.EqualFold,
}

func parseCondition(operator, key string, values []string) (condition, error) {
	c := condition{key: strings.ToLower(key), values: values}
	name := operator
	if set, rest, ok := strings.Cut(operator, ":"); ok {
		if set != "ForAnyValue" && set != "ForAllValues" {
			return c, fmt.Errorf("unknown condition operator %q", operator)
		}
		c.set, name = set, rest
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	errs := []error{}
	for _, v := range values {
		errs = append(errs, noVariable(v))
	}
	if operator == "Null" {
		c.null = true
		return c, errors.Join(errs...)
	}
	if c.equal = operators[name]; c.equal == nil {
		c.equal, c.negated = operators[strings.Replace(name, "Not", "", 1)], true
	}
	if c.equal == nil || (c.negated && name == "NotBool") {
		return c, fmt.Errorf("unknown condition operator %q", operator)
	}
	return c, errors.Join(errs...)
}

func (c condition) holds(context map[string][]string) bool {
	actual := context[c.key]
	absent := len(actual) == 0
	if c.null {
		return slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, "true") == absent })
	}
	fits := func(a string) bool {
		return slices.ContainsFunc(c.values, func(v string) bool { return c.equal(v, a) }) != c.negated
	}
	switch {
	case c.set == "ForAllValues":
		return !slices.ContainsFunc(actual, func(a string) bool { return !fits(a) })
	case absent && c.set == "ForAnyValue":
		return c.ifExists
	case absent:
		// A key that is not there differs from every value.
		return c.ifExists || c.negated
	case c.negated && c.set == "":
		return !slices.ContainsFunc(actual, func(a string) bool { return !fits(a) })
	}
	return slices.ContainsFunc(actual, fits)
}
