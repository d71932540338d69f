package lambdahost

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// filter decides which records a mapping hands to its function: those that any
// of its patterns matches, or all if it has none. It knows the comparisons of
// texts, null and presence; local/aws/cfn/mappings.py refuses all others when
// the mapping is made. https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
type filter []map[string]any

// parseFilters reads a JSON array of patterns, each a text.
func parseFilters(patterns string) (filter, error) {
	if patterns == "" {
		return nil, nil
	}
	var texts []string
	if err := json.Unmarshal([]byte(patterns), &texts); err != nil {
		return nil, fmt.Errorf("filter patterns %s: %w", patterns, err)
	}
	f := make(filter, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &f[i]); err != nil {
			return nil, fmt.Errorf("filter pattern %s: %w", text, err)
		}
		// A comparison that is not known shows at once, not at the first record.
		if _, err := matchObject(f[i], map[string]any{}); err != nil {
			return nil, fmt.Errorf("filter pattern %s: %w", text, err)
		}
	}
	return f, nil
}

// matches says whether a record, as decoded JSON, passes.
func (f filter) matches(record map[string]any) (bool, error) {
	for _, pattern := range f {
		if ok, err := matchObject(pattern, record); ok || err != nil {
			return ok, err
		}
	}
	return len(f) == 0, nil
}

// matchObject looks at every key, also after one that does not match, so that
// an unknown comparison is always found.
func matchObject(pattern, object map[string]any) (bool, error) {
	all := true
	for key, want := range pattern {
		value, present := object[key]
		var ok bool
		var err error
		switch want := want.(type) {
		case map[string]any:
			inner, _ := value.(map[string]any)
			ok, err = matchObject(want, inner)
		case []any:
			ok, err = matchAny(want, value, present)
		default:
			err = fmt.Errorf("%s: a pattern's leaves are arrays", key)
		}
		if err != nil {
			return false, err
		}
		all = all && ok
	}
	return all, nil
}

func matchAny(wanted []any, value any, present bool) (bool, error) {
	values, isArray := value.([]any)
	if !isArray {
		values = []any{value}
	}
	found := false
	for _, want := range wanted {
		if operator, ok := want.(map[string]any); ok {
			matched, err := compare(operator, values, present)
			if err != nil {
				return false, err
			}
			found = found || matched
			continue
		}
		if _, isText := want.(string); !isText && want != nil {
			return false, fmt.Errorf("%v: the local Lambda host compares texts and null only", want)
		}
		found = found || present && slices.Contains(values, want)
	}
	return found, nil
}

// compare applies one operator; an array matches if any of its members does.
func compare(operator map[string]any, values []any, present bool) (bool, error) {
	if len(operator) != 1 {
		return false, errors.New("a comparison has exactly one operator")
	}
	for name, argument := range operator {
		if exists, ok := argument.(bool); ok && name == "exists" {
			return exists == present, nil
		}
		test, err := textTest(name, argument)
		if err != nil {
			return false, err
		}
		return present && slices.ContainsFunc(values, func(v any) bool {
			s, isText := v.(string)
			return isText && test(s)
		}), nil
	}
	return false, nil
}

func textTest(name string, argument any) (func(string) bool, error) {
	text, isText := argument.(string)
	switch {
	case name == "prefix" && isText:
		return func(s string) bool { return strings.HasPrefix(s, text) }, nil
	case name == "suffix" && isText:
		return func(s string) bool { return strings.HasSuffix(s, text) }, nil
	case name == "equals-ignore-case" && isText:
		return func(s string) bool { return strings.EqualFold(s, text) }, nil
	case name == "anything-but":
		return anythingBut(argument)
	}
	return nil, fmt.Errorf("the local Lambda host does not know the comparison %s: %v", name, argument)
}

func anythingBut(argument any) (func(string) bool, error) {
	switch a := argument.(type) {
	case string:
		return func(s string) bool { return s != a }, nil
	case []any:
		for _, one := range a {
			if _, isText := one.(string); !isText {
				return nil, fmt.Errorf("anything-but: the local Lambda host compares texts only, not %v", one)
			}
		}
		return func(s string) bool { return !slices.Contains(a, any(s)) }, nil
	case map[string]any:
		for name, inner := range a {
			if test, err := textTest(name, inner); len(a) == 1 && name == "prefix" && err == nil {
				return func(s string) bool { return !test(s) }, nil
			}
		}
	}
	return nil, fmt.Errorf("the local Lambda host does not know the comparison anything-but: %v", argument)
}
