package records

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// Filter is a jq expression that decides which records to return, such as
//
//	.data.amount >= 100 and .data.status == "open"
//	.data.tags | index("new")
//	.source | endswith(".zip")
//
// Its input is the record as [Record.AppendJSON] writes it, with the ID of the
// upload as .upload: .id, .upload, .feed, .source, .version, .entry, .ordinal and
// .data. A record passes if the first result is neither false nor null. Integers
// are compared exactly, numbers with a fraction as 64-bit floating point. The
// fields of delimited text are strings: convert them with tonumber.
type Filter struct {
	text string
	code *gojq.Code
}

// fields are the fields of a record that an expression can read.
var fields = []string{"id", "upload", "feed", "source", "version", "entry", "ordinal", "data"}

// ParseFilter compiles a jq expression (https://jqlang.org/manual). The error names
// a syntax error, an unknown function, and a field that no record has.
func ParseFilter(expression string) (*Filter, error) {
	code, err := compile(expression, "%s")
	if err != nil {
		return nil, fmt.Errorf("filter %q: %w", expression, err)
	}
	return &Filter{text: expression, code: code}, nil
}

// String returns the expression.
func (f *Filter) String() string { return f.text }

// Match reports whether the record passes. It returns an error if the expression
// fails for it, for example because a number is compared by test; a ? after the
// term that fails makes such a record not pass instead.
func (f *Filter) Match(ctx context.Context, r Record) (bool, error) {
	in, err := r.value()
	if err != nil {
		return false, err
	}
	return f.match(ctx, r, in)
}

func (f *Filter) match(ctx context.Context, r Record, in map[string]any) (bool, error) {
	result, err := first(ctx, f.code, in)
	if err != nil {
		return false, fmt.Errorf("filter %q: record %s: %w", f.text, r.ID, err)
	}
	return result != nil && result != false, nil
}

// matchAll reports whether the record passes all filters.
func matchAll(ctx context.Context, r Record, filters []*Filter) (bool, error) {
	if len(filters) == 0 {
		return true, nil
	}
	in, err := r.value()
	if err != nil {
		return false, err
	}
	for _, f := range filters {
		if ok, err := f.match(ctx, r, in); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// value returns the record as the input of an expression.
func (r Record) value() (map[string]any, error) {
	var data any
	d := json.NewDecoder(bytes.NewReader(r.Data))
	d.UseNumber()
	if err := d.Decode(&data); err != nil {
		return nil, fmt.Errorf("record %s: data: %w", r.ID, err)
	}
	return map[string]any{
		"id": r.ID, "upload": r.Upload(), "feed": r.Feed, "source": r.Source, "version": r.Version, "entry": r.Entry,
		"ordinal": int(r.Ordinal), "data": data,
	}, nil
}

// first returns the first result of an expression, nil if it has none.
func first(ctx context.Context, code *gojq.Code, in map[string]any) (any, error) {
	result, ok := code.RunWithContext(ctx, in).Next()
	if !ok {
		return nil, nil
	}
	if err, failed := result.(error); failed {
		return nil, err
	}
	return result, nil
}

// compile compiles an expression after it was inserted into the format.
func compile(expression, format string) (*gojq.Code, error) {
	query, err := gojq.Parse(expression)
	if err != nil {
		return nil, err
	}
	if err := checkFields(query); err != nil {
		return nil, err
	}
	if query, err = gojq.Parse(fmt.Sprintf(format, expression)); err != nil {
		return nil, err
	}
	return gojq.Compile(query)
}

// checkFields rejects .amount, which would be null for every record, where
// .data.amount is meant. It checks the terms that read the record itself.
func checkFields(q *gojq.Query) error {
	switch {
	case q == nil:
		return nil
	case q.Left != nil:
		if err := checkFields(q.Left); err != nil || q.Op == gojq.OpPipe {
			return err
		}
		return checkFields(q.Right)
	case q.Term == nil:
		return nil
	case q.Term.Type == gojq.TermTypeQuery:
		return checkFields(q.Term.Query)
	case q.Term.Type == gojq.TermTypeIndex && q.Term.Index.Name != "" && !slices.Contains(fields, q.Term.Index.Name):
		return fmt.Errorf("a record has no field %q, only %s: is .data.%[1]s meant?", q.Term.Index.Name, strings.Join(fields, ", "))
	}
	return nil
}
