package records

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// CSV writes records as CSV with a header. It buffers: call Flush at the end.
type CSV struct {
	w       *csv.Writer
	columns []column
	// written is true once the header is.
	written bool
	// members are those of the payload that have a column, when the last column
	// holds the others; nil if the caller named the columns.
	members []string
}

// column is a column that the caller named.
type column struct {
	title string
	code  *gojq.Code
}

// fixedColumns come first if the caller named no columns.
var fixedColumns = []string{"id", "source", "entry", "ordinal"}

// NewCSV returns a writer of these columns. Each is a jq expression on a record, as
// for a [Filter], with or without the dot in front: id, data.amount,
// data.tags[0], data."a.b". The cell is empty where the expression has no result,
// null, or fails.
//
// Without columns they are id, source, entry and ordinal, then one for each member
// of the first record's payload, and a last one, data, with the remaining members
// of each record as JSON, so that nothing is left out.
func NewCSV(w io.Writer, columns ...string) (*CSV, error) {
	c := &CSV{w: csv.NewWriter(w)}
	var invalid []error
	for _, title := range columns {
		expression := title
		if title != "" && !strings.ContainsAny(title[:1], ".([{\"$") {
			expression = "." + title
		}
		code, err := compile(expression, "try (%s) catch null")
		if err != nil {
			invalid = append(invalid, fmt.Errorf("column %q: %w", title, err))
		}
		c.columns = append(c.columns, column{title, code})
	}
	return c, errors.Join(invalid...)
}

// Write writes one record, and before the first one the header.
func (c *CSV) Write(r Record) error {
	if len(c.columns) > 0 {
		return c.writeColumns(r)
	}
	payload := members(r.Data)
	if !c.written {
		c.members = slices.AppendSeq([]string{}, maps.Keys(payload))
		slices.Sort(c.members)
	}
	if err := c.writeHeader(); err != nil {
		return err
	}
	row := []string{r.ID, r.Source, r.Entry, strconv.FormatInt(r.Ordinal, 10)}
	for _, name := range c.members {
		row = append(row, rawCell(payload[name]))
		delete(payload, name)
	}
	return c.w.Write(append(row, remaining(r.Data, payload)))
}

func (c *CSV) writeColumns(r Record) error {
	if err := c.writeHeader(); err != nil {
		return err
	}
	in, err := r.value()
	if err != nil {
		return err
	}
	row := make([]string, len(c.columns))
	for i, column := range c.columns {
		result, err := first(context.Background(), column.code, in)
		if err != nil {
			return fmt.Errorf("column %q: record %s: %w", column.title, r.ID, err)
		}
		if row[i], err = cell(result); err != nil {
			return fmt.Errorf("column %q: record %s: %w", column.title, r.ID, err)
		}
	}
	return c.w.Write(row)
}

// Flush writes what is buffered. Without a record it writes a header only if the
// caller named the columns.
func (c *CSV) Flush() error {
	if len(c.columns) > 0 {
		if err := c.writeHeader(); err != nil {
			return err
		}
	}
	c.w.Flush()
	return c.w.Error()
}

func (c *CSV) writeHeader() error {
	if c.written {
		return nil
	}
	c.written = true
	var titles []string
	for _, column := range c.columns {
		titles = append(titles, column.title)
	}
	if len(c.columns) == 0 {
		titles = append(titles, fixedColumns...)
		for _, name := range c.members {
			titles = append(titles, "data."+name)
		}
		titles = append(titles, "data")
	}
	return c.w.Write(titles)
}

// cell is a result of an expression as text: a string unchanged, null as the empty
// text, anything else as JSON.
func cell(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	b, err := gojq.Marshal(v)
	return string(b), err
}

// rawCell is cell for JSON text, which keeps the form in which numbers are written.
func rawCell(raw json.RawMessage) string {
	var s string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return ""
	case raw[0] == '"' && json.Unmarshal(raw, &s) == nil:
		return s
	}
	return string(raw)
}

// members returns the members of a JSON object, nil if raw is none.
func members(raw json.RawMessage) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}

// remaining is the last column: the members that have no column, as a JSON object,
// empty if there are none, and a payload that is no object unchanged.
func remaining(raw json.RawMessage, payload map[string]json.RawMessage) string {
	switch {
	case payload == nil:
		return string(raw)
	case len(payload) == 0:
		return ""
	}
	var b bytes.Buffer
	for i, name := range slices.Sorted(maps.Keys(payload)) {
		b.WriteByte("{,"[min(i, 1)])
		b.Write(append(appendString(nil, name), ':'))
		b.Write(payload[name])
	}
	b.WriteByte('}')
	return b.String()
}
