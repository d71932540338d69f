package snowflake

import "strings"

// TableColumn is a column of a table.
type TableColumn struct {
	Name, Type string
}

func (c TableColumn) String() string { return Identifier(c.Name) + " " + c.Type }

// Table is the raw table, into which rows are loaded. Columns are added, but never
// removed or altered.
type Table struct {
	ObjectName
	Columns []TableColumn
	Owner   string
}

// Kind returns KindTable.
func (t Table) Kind() Kind { return KindTable }

// Create creates the table if it does not exist.
func (t Table) Create() []string {
	return []string{"CREATE TABLE IF NOT EXISTS " + t.Name() + " (\n  " + t.columns() + "\n)\n  " + t.Comment().clause()}
}

// Alter adds missing columns and sets the comment. For a table that this project
// did not create use AddColumns, which keeps its comment.
func (t Table) Alter() []string {
	return append(t.AddColumns(t.Columns...), "ALTER TABLE "+t.Name()+" SET "+t.Comment().clause())
}

// AddColumns adds the columns that do not exist. They are NULL in existing rows.
func (t Table) AddColumns(columns ...TableColumn) []string {
	statements := make([]string, len(columns))
	for i, c := range columns {
		statements[i] = "ALTER TABLE " + t.Name() + " ADD COLUMN IF NOT EXISTS " + c.String()
	}
	return statements
}

// Describe lists the table.
func (t Table) Describe() string { return t.show(t.Kind()) }

// DescribeColumns returns a row for each column, with its name and type.
func (t Table) DescribeColumns() string { return "DESC TABLE " + t.Name() }

// Drop drops the table and its rows.
func (t Table) Drop() string { return drop(t.Kind(), t.Name()) }

// Comment returns the comment of a table that this project created.
func (t Table) Comment() Comment { return newComment(t.Owner, t.columns()) }

// RowsFrom returns the source of the rows of a table with that comment. It returns
// false for delimited files, whose columns differ from feed to feed, and for a
// table that another version of this project created with other columns.
func RowsFrom(c Comment) (From, bool) {
	for _, from := range []From{FromParts, FromFiles, FromTable} {
		for _, key := range [][]string{nil, {"with a key"}} {
			if t := (Table{Columns: Spec{From: from, Key: key}.tableColumns()}); t.Comment().Definition == c.Definition {
				return from, true
			}
		}
	}
	return "", false
}

func (t Table) columns() string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = c.String()
	}
	return strings.Join(columns, ",\n  ")
}

// Stream is an append-only stream: the rows added to a table since a consumer
// last read it.
type Stream struct {
	ObjectName
	// On is the table's name, quoted.
	On string
	// External is set for an external table, whose streams need INSERT_ONLY.
	External bool
	Owner    string
}

// Kind returns KindStream.
func (s Stream) Kind() Kind { return KindStream }

// Create creates the stream if it does not exist. It has the rows added afterwards.
func (s Stream) Create() []string {
	return []string{"CREATE STREAM IF NOT EXISTS " + s.Name() + " " + s.definition() + "\n  " + s.Comment().clause()}
}

// Alter returns nothing: a stream cannot be moved to another table.
func (s Stream) Alter() []string { return nil }

// Describe lists the stream.
func (s Stream) Describe() string { return s.show(s.Kind()) }

// Drop drops the stream.
func (s Stream) Drop() string { return drop(s.Kind(), s.Name()) }

// Comment returns the stream's comment.
func (s Stream) Comment() Comment { return newComment(s.Owner, s.definition()) }

func (s Stream) definition() string {
	if s.External {
		return "ON EXTERNAL TABLE " + s.On + " INSERT_ONLY=TRUE"
	}
	return "ON TABLE " + s.On + " APPEND_ONLY=TRUE"
}
