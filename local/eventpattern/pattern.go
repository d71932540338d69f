// Package eventpattern matches JSON events with the event patterns of
// EventBridge rules, which are also the filters of Lambda's event source mappings.
//
// A pattern with an operator that the package does not support is an error: it
// supports neither numeric ranges, IP addresses nor $or. Handler serves it over
// HTTP to the Python part of the local AWS.
package eventpattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Language is the service that a pattern is for.
type Language string

// The languages. Lambda has no wildcards, and only anything-but with a prefix.
const (
	EventBridge Language = "eventbridge" // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
	Lambda      Language = "lambda"      // https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
)

// Pattern is a parsed event pattern.
type Pattern struct{ matches matcher }

// Matches returns whether an event, as decoded JSON, matches.
func (p Pattern) Matches(event any) bool { return p.matches(event, true) }

// matcher is a test of a value, which may be absent from its object.
type matcher func(value any, present bool) bool

// test is a test of a present value that is no array.
type test func(value any) bool

// Parse reads a pattern.
func Parse(text string, language Language) (Pattern, error) {
	var pattern any
	if err := json.Unmarshal([]byte(text), &pattern); err != nil {
		return Pattern{}, fmt.Errorf("event pattern %s: %w", text, err)
	}
	object, ok := pattern.(map[string]any)
	if !ok || len(object) == 0 {
		return Pattern{}, fmt.Errorf("event pattern %s is not an object with at least one member", text)
	}
	m, err := parser{language}.object(object)
	if err != nil {
		return Pattern{}, fmt.Errorf("event pattern %s: %w", text, err)
	}
	return Pattern{m}, nil
}

type parser struct{ language Language }

// object matches if every member matches.
func (p parser) object(pattern map[string]any) (matcher, error) {
	members := map[string]matcher{}
	for name, wanted := range pattern {
		var err error
		switch wanted := wanted.(type) {
		case map[string]any:
			members[name], err = p.object(wanted)
		case []any:
			members[name], err = p.alternatives(wanted)
		default:
			err = fmt.Errorf("the leaves of a pattern are arrays, not %s", text(wanted))
		}
		if name == "$or" {
			err = errors.New("$or is not supported")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return func(value any, _ bool) bool {
		object, _ := value.(map[string]any)
		for name, m := range members {
			value, present := object[name]
			if !m(value, present) {
				return false
			}
		}
		return true
	}, nil
}

// alternatives are the members of a leaf: one of them must match.
func (p parser) alternatives(wanted []any) (matcher, error) {
	if len(wanted) == 0 {
		return nil, errors.New("the leaves of a pattern are arrays with at least one member")
	}
	all := make([]matcher, len(wanted))
	for i, w := range wanted {
		var err error
		if all[i], err = p.alternative(w); err != nil {
			return nil, err
		}
	}
	return func(value any, present bool) bool {
		return slices.ContainsFunc(all, func(m matcher) bool { return m(value, present) })
	}, nil
}

func (p parser) alternative(wanted any) (matcher, error) {
	operator, argument, err := comparison(wanted)
	if err != nil {
		return nil, err
	}
	if exists, ok := argument.(bool); ok && operator == "exists" {
		return func(_ any, present bool) bool { return present == exists }, nil
	}
	t, err := p.test(operator, argument)
	if err != nil {
		return nil, err
	}
	return anyMember(t), nil
}

// anyMember is the matcher of a value that passes a test, or of an array with a
// member that passes it.
func anyMember(t test) matcher {
	return func(value any, present bool) bool {
		if array, ok := value.([]any); ok {
			return slices.ContainsFunc(array, t)
		}
		return present && t(value)
	}
}

// comparison splits an alternative into its operator, empty for a value that
// must be equal, and its argument.
func comparison(wanted any) (operator string, argument any, err error) {
	object, ok := wanted.(map[string]any)
	if !ok {
		if _, ok := wanted.([]any); ok {
			return "", nil, fmt.Errorf("%s is neither a value nor a comparison", text(wanted))
		}
		return "", wanted, nil
	}
	if len(object) != 1 {
		return "", nil, fmt.Errorf("a comparison has exactly one operator, not %s", text(wanted))
	}
	for operator, argument = range object {
	}
	return operator, argument, nil
}

func (p parser) test(operator string, argument any) (test, error) {
	unsupported := fmt.Errorf("the comparison %s is not supported", text(map[string]any{operator: argument}))
	switch operator {
	case "":
		return func(value any) bool { return value == argument }, nil
	case "anything-but":
		return p.anythingBut(argument)
	case "wildcard":
		if p.language == Lambda {
			return nil, unsupported
		}
	}
	fold := func(s string) string { return s }
	if object, ok := argument.(map[string]any); ok && len(object) == 1 && object["equals-ignore-case"] != nil && p.language == EventBridge {
		argument, fold = object["equals-ignore-case"], strings.ToLower
	}
	wanted, ok := argument.(string)
	if !ok {
		return nil, unsupported
	}
	wanted = fold(wanted)
	var compare func(string) bool
	switch operator {
	case "prefix":
		compare = func(s string) bool { return strings.HasPrefix(fold(s), wanted) }
	case "suffix":
		compare = func(s string) bool { return strings.HasSuffix(fold(s), wanted) }
	case "equals-ignore-case":
		compare = func(s string) bool { return strings.EqualFold(s, wanted) }
	case "wildcard":
		expression, err := wildcard(wanted)
		if err != nil {
			return nil, err
		}
		compare = expression.MatchString
	default:
		return nil, unsupported
	}
	return func(value any) bool {
		s, ok := value.(string)
		return ok && compare(s)
	}, nil
}

// anythingBut is the negation of one or more values or comparisons.
func (p parser) anythingBut(argument any) (test, error) {
	operator, inner := "", argument
	var err error
	if _, ok := argument.(map[string]any); ok {
		if operator, inner, err = comparison(argument); err != nil {
			return nil, err
		}
		if operator == "anything-but" || p.language == Lambda && operator != "prefix" {
			return nil, fmt.Errorf("the comparison %s is not supported", text(map[string]any{"anything-but": argument}))
		}
	}
	values, ok := inner.([]any)
	if !ok {
		values = []any{inner}
	}
	excluded := make([]test, len(values))
	for i, v := range values {
		if excluded[i], err = p.test(operator, v); err != nil {
			return nil, err
		}
	}
	return func(value any) bool {
		return !slices.ContainsFunc(excluded, func(t test) bool { return t(value) })
	}, nil
}

// text is a part of a pattern as JSON, for errors.
func text(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
