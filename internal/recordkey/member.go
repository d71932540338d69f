package recordkey

import (
	"bytes"
	"encoding/json"
)

// member returns the value at a path of the object src, or nil if there is none.
func member(src []byte, path []string) []byte {
	for _, name := range path {
		if src = child(src, name); src == nil {
			return nil
		}
	}
	return src
}

// child returns the value of the member of the object src with that name, or nil.
func child(src []byte, name string) []byte {
	i := space(src, 0)
	if i >= len(src) || src[i] != '{' {
		return nil
	}
	for i = space(src, i+1); i < len(src) && src[i] == '"'; {
		end := stringEnd(src, i)
		found := isName(src[i:end], name)
		i = space(src, end)
		if i >= len(src) || src[i] != ':' {
			return nil
		}
		from := space(src, i+1)
		to := valueEnd(src, from)
		if found {
			return src[from:to]
		}
		if i = space(src, to); i >= len(src) || src[i] != ',' {
			return nil
		}
		i = space(src, i+1)
	}
	return nil
}

// isName reports whether a string with its quotes is name.
func isName(quoted []byte, name string) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return len(quoted) == len(name)+2 && string(quoted[1:len(quoted)-1]) == name
	}
	var s string
	return json.Unmarshal(quoted, &s) == nil && s == name
}

func space(src []byte, i int) int {
	for i < len(src) && (src[i] == ' ' || src[i] == '\t' || src[i] == '\r' || src[i] == '\n') {
		i++
	}
	return i
}

// stringEnd returns the index after the string at i.
func stringEnd(src []byte, i int) int {
	for i++; i < len(src); i++ {
		quote := bytes.IndexByte(src[i:], '"')
		if quote < 0 {
			break
		}
		i += quote
		backslashes := 0
		for src[i-1-backslashes] == '\\' { // ends at the opening quote
			backslashes++
		}
		if backslashes%2 == 0 {
			return i + 1
		}
	}
	return len(src)
}

// valueEnd returns the index after the value at i.
func valueEnd(src []byte, i int) int {
	if i < len(src) && src[i] == '"' {
		return stringEnd(src, i)
	}
	for depth := 0; i < len(src); i++ {
		switch src[i] {
		case '"':
			i = stringEnd(src, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(src)
}
