package records

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

// CSV writes records as CSV, with a header. It buffers: call Flush at the end.
type CSV struct {
	w       *csv.Writer
	columns []column
	begun   bool
	// rest holds the payload's members that have a column, where the last column
	// is for the others; nil where the caller named the columns.
	rest map[string]bool
}

type column struct {
	title string
	path  []string
}

// NewCSV returns a writer of these columns, each a path as in a Term. Without
// columns they are id, source, entry and ordinal, one for each member of the
// first record's payload, and a last one, data, which has as JSON what a record
// has beside those: nothing is left out.
func NewCSV(w io.Writer, columns ...string) (*CSV, error) {
	c := &CSV{w: csv.NewWriter(w)}
	var wrong []error
	for _, title := range columns {
		path, rest, err := parsePath(title)
		if err == nil && rest != "" {
			err = fmt.Errorf("%q is more than a path", rest)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("column %q: %w", title, err))
		}
		c.columns = append(c.columns, column{title, path})
	}
	return c, errors.Join(wrong...)
}

// Write writes one record, and before the first one the header.
func (c *CSV) Write(r Record) error {
	object := members(r.Data)
	if !c.begun {
		if len(c.columns) == 0 {
			c.settle(object)
		}
		if err := c.header(); err != nil {
			return err
		}
		c.begun = true
	}
	row := make([]string, 0, len(c.columns)+1)
	for _, column := range c.columns {
		row = append(row, column.text(r, object))
	}
	if c.rest != nil {
		row = append(row, others(r.Data, object, c.rest))
	}
	return c.w.Write(row)
}

// Flush writes what is buffered. Without a record there is a header only where
// the caller named the columns.
func (c *CSV) Flush() error {
	if !c.begun && len(c.columns) > 0 {
		if err := c.header(); err != nil {
			return err
		}
	}
	c.w.Flush()
	return c.w.Error()
}

// settle makes columns for the members of the first record.
func (c *CSV) settle(object map[string]json.RawMessage) {
	for _, name := range []string{"id", "source", "entry", "ordinal"} {
		c.columns = append(c.columns, column{name, []string{name}})
	}
	c.rest = map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		c.columns = append(c.columns, column{"data." + name, []string{"data", name}})
		c.rest[name] = true
	}
}

func (c *CSV) header() error {
	var titles []string
	for _, column := range c.columns {
		titles = append(titles, column.title)
	}
	if c.rest != nil {
		titles = append(titles, "data")
	}
	return c.w.Write(titles)
}

// text is what the column's path leads to: a string as it is, null and what is
// not there as "", anything else as JSON.
func (c column) text(r Record, object map[string]json.RawMessage) string {
	if c.path[0] != "data" {
		v, _ := find(c.path, r, nil)
		return fmt.Sprint(v)
	}
	raw := r.Data
	for i, name := range c.path[1:] {
		if i == 0 && object != nil {
			raw = object[name] // is decoded already
			continue
		}
		raw = below(raw, name)
	}
	var s string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return ""
	case raw[0] == '"' && json.Unmarshal(raw, &s) == nil:
		return s
	}
	return string(raw)
}

// members are those of a JSON object, nil where raw is none.
func members(raw json.RawMessage) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}

// below is a member of an object or an element of an array, nil where there is none.
func below(raw json.RawMessage, name string) json.RawMessage {
	if m := members(raw); m != nil {
		return m[name]
	}
	var a []json.RawMessage
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 || len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &a) != nil || i >= len(a) {
		return nil
	}
	return a[i]
}

// others is the payload without the members that have a column of their own.
func others(raw json.RawMessage, object map[string]json.RawMessage, known map[string]bool) string {
	if object == nil {
		return string(raw)
	}
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if known[name] {
			continue
		}
		if b.Len() == 0 {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		b.Write(append(appendString(nil, name), ':'))
		b.Write(object[name])
	}
	if b.Len() > 0 {
		b.WriteByte('}')
	}
	return b.String()
}
