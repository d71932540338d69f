package records

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// Term is one condition on a record: a path, an operator and a value.
type Term struct {
	path    []string
	op      string
	value   string
	number  *big.Rat // of value, nil where it is none
	pattern *regexp.Regexp
	text    string // as it was written
}

// String is the term as it was written.
func (t Term) String() string { return t.text }

// operators, longest first: "<=" is not "<" with a value that begins with "=".
var operators = []string{"!=", "<=", ">=", "=", "<", ">", "~"}

// fields are those that a path may begin with.
const fields = "id, upload, feed, source, version, entry, ordinal, data"

// ParseTerm reads a term such as
//
//	data.status=open      is that text, number, true, false or null
//	data.status!=open     is something else, or not there
//	data.amount>=99.5     and <, >, <=: numbers by value, also those in texts; other texts by their order
//	source~\.zip$         the text matches a regular expression (RE2)
//	data.tags.0=new       an element of an array, by its number from 0
//	data."a.b"=1          a name with a dot or an operator in it, in quotes
//
// on a path of the record: id, upload, feed, source, version, entry, ordinal, or
// data and the names below it. A record without the path meets != alone.
func ParseTerm(s string) (Term, error) {
	path, rest, err := parsePath(s)
	if err != nil {
		return Term{}, fmt.Errorf("term %q: %w", s, err)
	}
	t := Term{text: s, path: path}
	for _, op := range operators {
		if value, ok := strings.CutPrefix(rest, op); ok {
			t.op, t.value = op, value
			break
		}
	}
	if t.op == "" {
		return t, fmt.Errorf("term %q: no operator after %q: it is one of =, !=, <, <=, >, >= and ~", s, strings.TrimSuffix(s, rest))
	}
	t.number = number(t.value)
	if t.op == "~" {
		pattern, err := regexp.Compile(t.value)
		if err != nil {
			return t, fmt.Errorf("term %q: %w", s, err)
		}
		t.pattern = pattern
	}
	return t, nil
}

// parsePath takes a path off s.
func parsePath(s string) (path []string, rest string, err error) {
	rest = s
	for {
		name, after, err := segment(rest)
		if err != nil {
			return nil, "", err
		}
		path = append(path, name)
		if rest = after; !strings.HasPrefix(rest, ".") {
			break
		}
		rest = rest[1:]
	}
	switch first := path[0]; first {
	case "id", "upload", "feed", "source", "version", "entry", "ordinal":
		if len(path) > 1 {
			return nil, "", fmt.Errorf("%s has nothing below it", first)
		}
	case "data":
	default:
		return nil, "", fmt.Errorf("a record has %s: is data.%s meant?", fields, strings.Join(path, "."))
	}
	return path, rest, nil
}

// segment takes one name of a path off s.
func segment(s string) (name, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", "", fmt.Errorf("a name in quotes that do not end: %s", s)
		}
		name, err := strconv.Unquote(quoted)
		return name, s[len(quoted):], err
	}
	end := strings.IndexAny(s, ".=!<>~")
	if end < 0 {
		end = len(s)
	}
	if end == 0 {
		return "", "", fmt.Errorf("a name is missing before %q", s)
	}
	return s[:end], s[end:], nil
}

// number is the number that s is, nil where it is none. Exponents are those of
// the table: beyond them a fraction would take up the memory.
func number(s string) *big.Rat {
	if len(s) > 400 || strings.ContainsAny(s, "/_xXpPbBoO") {
		return nil
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(s), "e"); ok {
		if e, err := strconv.Atoi(exponent); err != nil || e > 400 || e < -400 {
			return nil
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return r
}

// meets reports whether a record meets all terms.
func meets(r Record, terms []Term) bool {
	var data any // of r, decoded when the first term asks
	decoded := false
	for _, t := range terms {
		if t.path[0] == "data" && !decoded {
			d := json.NewDecoder(bytes.NewReader(r.Data))
			d.UseNumber()
			if d.Decode(&data) != nil {
				return false
			}
			decoded = true
		}
		if !t.meets(r, data) {
			return false
		}
	}
	return true
}

func (t Term) meets(r Record, data any) bool {
	v, ok := find(t.path, r, data)
	if !ok {
		return t.op == "!="
	}
	var text string
	isNumber := false
	switch v := v.(type) {
	case string:
		text = v
	case json.Number:
		text, isNumber = v.String(), true
	case bool:
		text = strconv.FormatBool(v)
	case nil:
		text = "null"
	default: // an object or an array equals nothing that can be written here
		return t.op == "!="
	}
	if t.op == "~" {
		return t.pattern.MatchString(text)
	}
	equality := t.op == "=" || t.op == "!="
	order := strings.Compare(text, t.value)
	// The fields of delimited text are texts, and may be numbers to whoever asks.
	// That "01" be equal to 1 is more than they mean.
	if n := number(text); n != nil && t.number != nil && (isNumber || !equality) {
		order = n.Cmp(t.number)
	} else if isNumber && !equality {
		return false // no number is before or after a word
	}
	switch t.op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// find returns what a path leads to. data is the record's payload, decoded.
func find(path []string, r Record, data any) (any, bool) {
	switch path[0] {
	case "id":
		return r.ID, true
	case "upload":
		return r.Upload(), true
	case "feed":
		return r.Feed, true
	case "source":
		return r.Source, true
	case "version":
		return r.Version, true
	case "entry":
		return r.Entry, true
	case "ordinal":
		return json.Number(strconv.FormatInt(r.Ordinal, 10)), true
	}
	for _, name := range path[1:] {
		switch v := data.(type) {
		case map[string]any:
			below, ok := v[name]
			if !ok {
				return nil, false
			}
			data = below
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			data = v[i]
		default:
			return nil, false
		}
	}
	return data, true
}
