package snowflake

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// parsePath parses a path in the syntax of jsonPath.
func parsePath(path string) ([]pathStep, error) {
	var steps []pathStep
	rest := strings.TrimPrefix(path, "$")
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, `."`):
			quoted, err := strconv.QuotedPrefix(rest[1:])
			if err != nil {
				return nil, fmt.Errorf("path %s: %w", path, err)
			}
			key, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("path %s: %w", path, err)
			}
			steps = append(steps, pathStep{key: &key})
			rest = rest[1+len(quoted):]
		case rest[0] == '[' && strings.Contains(rest, "]"):
			end := strings.IndexByte(rest, ']')
			index, err := strconv.Atoi(rest[1:end])
			if err != nil {
				return nil, fmt.Errorf("path %s: %w", path, err)
			}
			steps = append(steps, pathStep{index: index})
			rest = rest[end+1:]
		default:
			return nil, fmt.Errorf("path %s is invalid", path)
		}
	}
	return steps, nil
}

// extract returns the text of the value at a path in a valid document.
func extract(document string, steps []pathStep) (string, bool) {
	s := scanner{text: document}
	for _, step := range steps {
		s.space()
		if !s.enter(step) {
			return "", false
		}
	}
	s.space()
	from := s.i
	s.skip()
	return s.text[from:s.i], true
}

// scanner reads valid JSON.
type scanner struct {
	text string
	i    int
}

func (s *scanner) space() {
	for s.i < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.i]) >= 0 {
		s.i++
	}
}

// take reads c if it comes next.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.i < len(s.text) && s.text[s.i] == c {
		s.i++
		return true
	}
	return false
}

// enter moves to the value of a step. It returns false if there is none.
func (s *scanner) enter(step pathStep) bool {
	if step.key == nil {
		if !s.take('[') || s.take(']') {
			return false
		}
		for n := 0; n < step.index; n++ {
			s.skip()
			if !s.take(',') {
				return false
			}
		}
		return true
	}
	if !s.take('{') {
		return false
	}
	for !s.take('}') {
		s.space()
		from := s.i
		s.skip()
		same := sameKey(s.text[from:s.i], *step.key)
		s.take(':')
		if same {
			return true
		}
		s.skip()
		s.take(',')
	}
	return false
}

func sameKey(raw, key string) bool {
	if !strings.Contains(raw, `\`) {
		return raw[1:len(raw)-1] == key
	}
	var plain string
	return json.Unmarshal([]byte(raw), &plain) == nil && plain == key
}

// skip reads a value.
func (s *scanner) skip() {
	s.space()
	depth := 0
	for s.i < len(s.text) {
		switch s.text[s.i] {
		case '"':
			for s.i++; s.i < len(s.text) && s.text[s.i] != '"'; s.i++ {
				if s.text[s.i] == '\\' {
					s.i++
				}
			}
			s.i++
		case '{', '[':
			depth++
			s.i++
			continue
		case '}', ']':
			depth--
			s.i++
		case ' ', '\t', '\r', '\n', ',', ':':
			s.i++
			continue
		default:
			for s.i < len(s.text) && strings.IndexByte(" \t\r\n,]}", s.text[s.i]) < 0 {
				s.i++
			}
		}
		if depth == 0 {
			return
		}
	}
}

// jsonText returns a string as JSON.
func jsonText(text string) (string, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(text)
	return strings.TrimSuffix(b.String(), "\n"), err
}
