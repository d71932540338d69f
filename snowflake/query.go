package snowflake

import (
	"fmt"
	"strings"
)

// source is the alias of the table in a view. Every column is named with it: a
// declared column may have the name of one of the table's, and would be taken
// for it otherwise.
const source = `"R"`

func column(name string) string { return source + "." + Identifier(name) }

// query is the SELECT of the view.
func (s Spec) query(table string) string {
	declared := make(map[string]bool, len(s.Columns))
	var items []string
	for _, c := range s.Columns {
		declared[stored(c.Name)] = true
		items = append(items, s.cast(c)+" AS "+Identifier(c.Name))
	}
	show := func(name, expression string) {
		if declared[name] {
			name = "_" + name
		}
		items = append(items, expression+" AS "+Identifier(name))
	}
	if len(s.Columns) == 0 {
		show(dataColumn, s.data())
	}
	for _, name := range s.ownColumns() {
		show(name, s.line(name))
	}
	for _, name := range s.fileColumnNames() {
		show(name, column(name))
	}
	q := "SELECT\n    " + strings.Join(items, ",\n    ") + "\n  FROM " + table + " AS " + source
	if once := s.once(); once != "" {
		q += "\n  QUALIFY " + once
	}
	return q
}

// data is the record itself, or what is under keys in it.
func (s Spec) data(keys ...string) string {
	switch {
	case s.Load != ExternalTable:
		return member(column(dataColumn), keys...)
	case s.From == FromFiles:
		return member(column("VALUE"), keys...)
	}
	return member(column("VALUE"), append([]string{"data"}, keys...)...)
}

// line is a member of the line other than the record.
func (s Spec) line(name string) string {
	if s.Load == ExternalTable {
		return s.fromLine(column("VALUE"), name)
	}
	return column(name)
}

// cast is a declared column. What its type cannot hold is NULL.
func (s Spec) cast(c Column) string {
	var value, text string
	switch {
	case !s.delimited():
		value = s.data(s.keys(c)...)
		text = value + "::VARCHAR"
	case s.Load == ExternalTable:
		value = member(column("VALUE"), fmt.Sprintf("c%d", s.position(c)))
		text = value + "::VARCHAR"
	default:
		text = column(c.path())
		value = text + "::VARIANT"
	}
	switch kind := normalType(c.Type); {
	case isText(kind):
		return text
	case kind == "VARIANT":
		return value
	default:
		return "TRY_CAST(" + text + " AS " + kind + ")"
	}
}

// position is the place of c in the header, from 1.
func (s Spec) position(c Column) int {
	for i, name := range s.Format.Columns {
		if name == c.path() {
			return i + 1
		}
	}
	return 0
}

// fileColumnNames are the facts of the file that the view shows.
func (s Spec) fileColumnNames() []string {
	if s.Load == ExternalTable {
		var names []string
		for _, c := range s.virtualColumns() {
			names = append(names, c.Name)
		}
		return names
	}
	names := make([]string, len(fileColumns))
	for i, c := range fileColumns {
		names[i] = c.name
	}
	return names
}

// once is the condition that keeps one row of each record: a pipe may load a
// file again after 14 days or when it is made anew, and export writes a change
// again after an error. An external table shows each file once by itself.
func (s Spec) once() string {
	latest := column("_LOADED_AT") + " DESC," + column("_FILE_NAME") + " DESC," + column("_FILE_ROW") + " DESC"
	if s.Load == ExternalTable {
		latest = column("_FILE_NAME") + " DESC," + column("_FILE_ROW") + " DESC"
	}
	first := func(order string, key ...string) string {
		return "ROW_NUMBER() OVER (PARTITION BY " + strings.Join(key, ",") + " ORDER BY " + order + ")=1"
	}
	switch {
	case s.From == FromParts:
		return first(latest, s.line("ID"))
	case s.From == FromTable:
		return first(s.line("SEQUENCE")+" DESC,"+latest, s.line("PK"), s.line("SK")) + " AND " + s.line("EVENT") + "<>'REMOVE'"
	case s.Load == ExternalTable:
		return ""
	}
	return first(latest, column("_FILE_NAME"), column("_FILE_KEY"), column("_FILE_ROW"))
}
