package snowflake

import (
	"fmt"
	"slices"
	"strings"

	"example.com/ingestion/feed"
)

// source is the alias of the table in a view. It qualifies every column, because
// a declared column may have the same name as one of the table.
const source = `"R"`

func column(name string) string { return source + "." + Identifier(name) }

// viewQuery writes the queries of the views on a table.
type viewQuery struct {
	Spec
	// table is the name of the table, quoted; bucket has the files that are loaded.
	table, bucket string
}

// records returns the SELECT with each record once.
func (q viewQuery) records() string {
	text := q.selectItems() + "\n  FROM " + q.table + " AS " + source
	if condition := q.deduplicate(); condition != "" {
		text += "\n  QUALIFY " + condition
	}
	return text
}

// latest returns the SELECT with the newest record of each key. It reads each record once,
// as records does, so that a record that was deleted from the table is not the newest.
func (q viewQuery) latest() string {
	once := "SELECT * FROM " + q.table + " AS " + source
	if condition := q.deduplicate(); condition != "" {
		once += "\n    QUALIFY " + condition
	}
	keys, where := q.keyValues()
	return q.selectItems() + "\n  FROM (\n    " + once + "\n  ) AS " + source +
		"\n  WHERE " + strings.Join(where, " AND ") +
		"\n  QUALIFY ROW_NUMBER() OVER (PARTITION BY " + strings.Join(keys, ",") + " ORDER BY " + q.newest() + ")=1"
}

// keyValues returns the expressions of the key, and the conditions of a record that has
// one: as in the table's index by key, the values are neither absent, null nor empty, and
// no objects or arrays.
func (q viewQuery) keyValues() (values, conditions []string) {
	for _, path := range q.Key {
		keys, err := feed.SplitPath(path)
		if err != nil {
			continue // see Validate
		}
		if q.delimited() {
			value := q.field(q.position(keys[0]))
			values, conditions = append(values, value), append(conditions, value+"<>''")
			continue
		}
		value := q.data(keys...)
		values = append(values, value+"::VARCHAR")
		conditions = append(conditions, value+"::VARCHAR<>''", "TYPEOF("+value+") NOT IN ('OBJECT','ARRAY')")
	}
	return values, conditions
}

// newest returns the order of the versions of a record: the time of the source object, then
// the record's ID. Rows that were loaded before the feed had a key have no such time. An
// external table over source files has none either.
func (q viewQuery) newest() string {
	id := q.typedLine("ID") + " DESC"
	switch {
	case q.From != FromFiles && q.Load == ExternalTable:
		return q.typedLine(timeColumn) + " DESC NULLS LAST," + id
	case q.From != FromFiles:
		return "COALESCE(TRY_CAST(" + column(timeColumn) + " AS TIMESTAMP_NTZ)," + column("_FILE_MODIFIED") + ") DESC," + id
	}
	row := column("_FILE_NAME") + " DESC," + column("_FILE_ROW") + " DESC"
	if q.Load == ExternalTable {
		return row
	}
	return column("_FILE_MODIFIED") + " DESC," + row
}

// ConversionErrors returns the name of the view's column with the names of the declared
// columns whose value their type cannot hold; empty if each declared type holds every value.
func (s Spec) ConversionErrors() string {
	for _, c := range s.Columns {
		if _, failure := s.cast(c); failure != "" {
			return errorsColumn
		}
	}
	return ""
}

func (q viewQuery) selectItems() string {
	declared := make(map[string]bool, len(q.Columns))
	var items, failed []string
	for _, c := range q.Columns {
		declared[stored(c.Name)] = true
		value, failure := q.cast(c)
		items = append(items, value+" AS "+Identifier(c.Name))
		if failure != "" {
			failed = append(failed, "IFF("+failure+","+Literal(","+stored(c.Name))+",'')")
		}
	}
	add := func(name, expression string) {
		if declared[name] {
			name = "_" + name
		}
		items = append(items, expression+" AS "+Identifier(name))
	}
	add(dataColumn, q.record())
	if len(failed) > 0 {
		add(errorsColumn, "NULLIF(SUBSTR("+strings.Join(failed, "||")+",2),'')")
	}
	for _, name := range q.viewLineColumns() {
		add(name, q.typedLine(name))
	}
	for _, name := range q.fileColumnNames() {
		add(name, column(name))
	}
	return "SELECT\n    " + strings.Join(items, ",\n    ")
}

// record returns the expression for the whole record.
func (q viewQuery) record() string {
	if !q.delimited() {
		return q.data()
	}
	var members []string
	for i, name := range q.Format.Columns {
		members = append(members, Literal(name), q.field(i+1))
	}
	return "OBJECT_CONSTRUCT_KEEP_NULL(" + strings.Join(members, ",") + ")"
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

// field returns the expression for the text of a field of delimited text, by its position
// in the header, starting at 1.
func (s Spec) field(position int) string {
	if s.Load == ExternalTable {
		return member(column("VALUE"), fmt.Sprintf("c%d", position)) + "::VARCHAR"
	}
	return column(s.Format.Columns[position-1])
}

// line returns the expression for a member of the line other than the record.
func (s Spec) line(name string) string {
	if s.Load == ExternalTable {
		return s.fromLine(column("VALUE"), name)
	}
	return column(name)
}

// typedLine is line with the type that the view has for it. The table keeps text,
// because Snowflake cannot change the type of a deployed column to a number.
// https://docs.snowflake.com/en/sql-reference/sql/alter-table-column
//
// A row of FromFiles has no line: its origin follows from the file.
func (q viewQuery) typedLine(name string) string {
	if q.From == FromFiles {
		return q.fromFile(name)
	}
	switch name {
	case "ORDINAL":
		return "TRY_CAST(" + q.line(name) + " AS NUMBER(38,0))"
	case "CHANGED_AT", timeColumn:
		return "TRY_CAST(" + q.line(name) + " AS TIMESTAMP_TZ)"
	}
	return q.line(name)
}

// fromFile returns the expressions for the origin of a row of FromFiles. Snowflake knows
// neither the version of the source object nor the ID that the ledger derives from it: the
// content key of the file, an ETag, takes its place, and in an external table, which lists
// each file once, the name of the file.
func (q viewQuery) fromFile(name string) string {
	upload := column("_FILE_NAME")
	if q.Load != ExternalTable {
		upload = column("_FILE_KEY")
	}
	switch name {
	case "SOURCE":
		return Literal("s3://"+q.bucket+"/") + "||" + column("_FILE_NAME")
	case "UPLOAD":
		return upload
	}
	id := column("_FILE_NAME") + "||'#'||"
	if q.Load != ExternalTable {
		id += upload + "||'#'||"
	}
	return id + column("_FILE_ROW") + "::VARCHAR"
}

// cast returns the expression for a declared column, and the condition under which the
// type cannot hold the value; empty if it can hold every value.
func (s Spec) cast(c Column) (expression, failure string) {
	var value, text string
	if s.delimited() {
		text = s.field(s.position(c.path()))
		value = text + "::VARIANT"
		if s.Load == ExternalTable {
			value = strings.TrimSuffix(text, "::VARCHAR")
		}
	} else {
		value = s.data(s.keys(c)...)
		text = value + "::VARCHAR"
	}
	switch kind := normalType(c.Type); {
	case isText(kind):
		return text, ""
	case kind == "VARIANT":
		return value, ""
	default:
		expression = "TRY_CAST(" + text + " AS " + kind + ")"
		return expression, text + "<>'' AND " + expression + " IS NULL"
	}
}

// position returns the position of a column in the header, starting at 1.
func (s Spec) position(name string) int {
	return slices.Index(s.Format.Columns, name) + 1
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
