package snowflake

import (
	"fmt"
	"strings"
)

// source is the alias of the table in a view. It qualifies every column, because
// a declared column may have the same name as one of the table.
const source = `"R"`

func column(name string) string { return source + "." + Identifier(name) }

// query returns the SELECT of the view.
func (s Spec) query(table string) string {
	declared := make(map[string]bool, len(s.Columns))
	var items []string
	for _, c := range s.Columns {
		declared[stored(c.Name)] = true
		items = append(items, s.cast(c)+" AS "+Identifier(c.Name))
	}
	add := func(name, expression string) {
		if declared[name] {
			name = "_" + name
		}
		items = append(items, expression+" AS "+Identifier(name))
	}
	if len(s.Columns) == 0 {
		add(dataColumn, s.data())
	}
	for _, name := range s.viewLineColumns() {
		add(name, s.typedLine(name))
	}
	for _, name := range s.fileColumnNames() {
		add(name, column(name))
	}
	q := "SELECT\n    " + strings.Join(items, ",\n    ") + "\n  FROM " + table + " AS " + source
	if condition := s.deduplicate(); condition != "" {
		q += "\n  QUALIFY " + condition
	}
	return q
}

// data returns the expression for the record, or for the value under keys in it.
func (s Spec) data(keys ...string) string {
	switch {
	case s.Load != ExternalTable:
		return member(column(dataColumn), keys...)
	case s.From == FromFiles:
		return member(column("VALUE"), keys...)
	}
	return member(column("VALUE"), append([]string{"data"}, keys...)...)
}

// line returns the expression for a member of the line other than the record.
func (s Spec) line(name string) string {
	if s.Load == ExternalTable {
		return s.fromLine(column("VALUE"), name)
	}
	return column(name)
}

// typedLine is line with the type that the view has for it. The table keeps ORDINAL as
// text, because Snowflake cannot change the type of a deployed column to a number.
// https://docs.snowflake.com/en/sql-reference/sql/alter-table-column
func (s Spec) typedLine(name string) string {
	if name == "ORDINAL" {
		return "TRY_CAST(" + s.line(name) + " AS NUMBER(38,0))"
	}
	return s.line(name)
}

// cast returns the expression for a declared column. It is NULL if the type cannot
// hold the value.
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

// position returns the position of c in the header, starting at 1.
func (s Spec) position(c Column) int {
	for i, name := range s.Format.Columns {
		if name == c.path() {
			return i + 1
		}
	}
	return 0
}

// fileColumnNames returns the columns with metadata of the file that the view has.
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

// deduplicate returns the condition that selects one row of each record. A pipe
// may load a file again after 14 days or after it was replaced, and function
// export writes a change again after an error. An external table lists each file once.
func (s Spec) deduplicate() string {
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
