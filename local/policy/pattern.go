package policy

import (
	"fmt"
	"strings"
)

// pattern is a string with wildcards. Characters are runes; the wildcards are
// negative numbers, so that a literal * or ? is none.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
type pattern []rune

const (
	anyString rune = -1 // *
	anyRune   rune = -2 // ?
)

// wildcards is the pattern of a string in which * and ? are wildcards.
func wildcards(s string) pattern {
	p := pattern(s)
	for i, r := range p {
		switch r {
		case '*':
			p[i] = anyString
		case '?':
			p[i] = anyRune
		}
	}
	return p
}

// text is the pattern as a string, for comparisons without wildcards.
func (p pattern) text() string {
	var b strings.Builder
	for _, r := range p {
		switch r {
		case anyString:
			r = '*'
		case anyRune:
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// matches compares with wildcards: * matches any characters, also slashes and
// colons, and ? matches exactly one.
func (p pattern) matches(s string) bool {
	text := []rune(s)
	// star is the index of the last *, mark is how much of the text that * matches.
	star, mark, i, j := -1, 0, 0, 0
	for j < len(text) {
		switch {
		case i < len(p) && p[i] == anyString:
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == anyRune || p[i] == text[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == anyString {
		i++
	}
	return i == len(p)
}

// matchesARN compares two ARNs part by part: a wildcard does not match a colon,
// except in the last of the six parts.
func (p pattern) matchesARN(arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	patterns := p.split(6)
	if len(patterns) != len(parts) {
		return len(p) == 1 && p[0] == anyString
	}
	for i := range parts {
		if !patterns[i].matches(parts[i]) {
			return false
		}
	}
	return true
}

// matchesResource is matchesARN for the element Resource, in which missing parts
// at the end of an ARN stand for *.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func (p pattern) matchesResource(arn string) bool {
	if len(p) == 1 && p[0] == anyString {
		return true
	}
	for n := len(p.split(6)); n < 6; n++ {
		p = append(p[:len(p):len(p)], ':', anyString)
	}
	return p.matchesARN(arn)
}

// split cuts the pattern at colons into at most n parts.
func (p pattern) split(n int) []pattern {
	var parts []pattern
	start := 0
	for i, r := range p {
		if r == ':' && len(parts) < n-1 {
			parts = append(parts, p[start:i])
			start = i + 1
		}
	}
	return append(parts, p[start:])
}

// template is a string of a policy: a pattern with policy variables.
type template struct {
	fixed    pattern // without variables
	segments []segment
}

// segment is a literal part of a template followed by a variable.
type segment struct {
	before      pattern
	key         string // lower-case; empty at the end of the template
	fallback    string
	hasFallback bool
}

// templates parses the strings of an element. Policy variables exist in policies
// of version 2012-10-17; in others, ${ is literal.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func templates(texts []string, variables bool) ([]template, error) {
	if texts == nil {
		return nil, nil
	}
	all := make([]template, len(texts))
	for i, text := range texts {
		var err error
		if all[i], err = parseTemplate(text, variables); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func parseTemplate(text string, variables bool) (template, error) {
	if !variables || !strings.Contains(text, "${") {
		return template{fixed: wildcards(text)}, nil
	}
	var t template
	var before pattern
	rest := text
	for {
		literal, after, ok := strings.Cut(rest, "${")
		before = append(before, wildcards(literal)...)
		if !ok {
			break
		}
		name, following, closed := strings.Cut(after, "}")
		if !closed {
			return template{}, fmt.Errorf("%s: a policy variable is not closed", text)
		}
		rest = following
		if name == "*" || name == "?" || name == "$" {
			before = append(before, []rune(name)...) // a literal character
			continue
		}
		s := segment{before: before}
		key, fallback, hasFallback := strings.Cut(name, ",")
		fallback = strings.TrimSpace(fallback)
		if hasFallback {
			if len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'' {
				return template{}, fmt.Errorf("%s: the default of a policy variable is not in single quotes", text)
			}
			s.fallback, s.hasFallback = fallback[1:len(fallback)-1], true
		}
		if s.key = strings.ToLower(strings.TrimSpace(key)); !strings.Contains(s.key, ":") {
			return template{}, fmt.Errorf("%s: the policy variable %q is not a condition key", text, name)
		}
		t.segments, before = append(t.segments, s), nil
	}
	if t.segments == nil {
		return template{fixed: before}, nil
	}
	t.segments = append(t.segments, segment{before: before})
	return t, nil
}

// resolve replaces the variables by values of the request, in which * and ? are
// literal. Without a single value and without a default, the template matches nothing.
func (t template) resolve(c context) (pattern, bool) {
	if t.segments == nil {
		return t.fixed, true
	}
	var p pattern
	for _, s := range t.segments {
		p = append(p, s.before...)
		values := c[s.key]
		switch {
		case s.key == "":
		case len(values) == 1:
			p = append(p, []rune(values[0])...)
		case len(values) == 0 && s.hasFallback:
			p = append(p, []rune(s.fallback)...)
		default:
			return nil, false
		}
	}
	return p, true
}

// actionTemplates are the patterns of actions, which are case-insensitive.
func actionTemplates(actions []string) []template {
	if actions == nil {
		return nil
	}
	all := make([]template, len(actions))
	for i, a := range actions {
		all[i] = template{fixed: wildcards(strings.ToLower(a))}
	}
	return all
}
