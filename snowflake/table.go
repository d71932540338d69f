package snowflake

import "strings"

// TableColumn is a column of a table.
type TableColumn struct {
	Name, Type string
}

func (c TableColumn) String() string { return Identifier(c.Name) + " " + c.Type }

// Table takes the rows. It only ever gains columns.
type Table struct {
	Place
	Columns []TableColumn
	Owner   string
}

// Kind is KindTable.
func (t Table) Kind() Kind { return KindTable }

// Create makes the table if it is missing.
func (t Table) Create() []string {
	return []string{"CREATE TABLE IF NOT EXISTS " + t.Name() + " (\n  " + t.columns() + "\n)\n  " + t.Mark().clause()}
}

// Alter adds every column that is missing and sets the mark. A table that
// somebody else made keeps its comment: give it AddColumns alone.
func (t Table) Alter() []string {
	return append(t.AddColumns(t.Columns...), "ALTER TABLE "+t.Name()+" SET "+t.Mark().clause())
}

// AddColumns adds the columns that are missing. Rows that are there have NULL
// in them.
func (t Table) AddColumns(columns ...TableColumn) []string {
	statements := make([]string, len(columns))
	for i, c := range columns {
		statements[i] = "ALTER TABLE " + t.Name() + " ADD COLUMN IF NOT EXISTS " + c.String()
	}
	return statements
}

// Describe lists the table.
func (t Table) Describe() string { return t.show(t.Kind()) }

// DescribeColumns answers with a row for each column: name, type ….
func (t Table) DescribeColumns() string { return "DESC TABLE " + t.Name() }

// Drop drops the table and its rows.
func (t Table) Drop() string { return drop(t.Kind(), t.Name()) }

// Mark is the comment of a table that this project made.
func (t Table) Mark() Mark { return mark(t.Owner, t.columns()) }

// RowsFrom says what the rows of a table with that mark are made from. It is not
// known of delimited files, whose columns are the feed's own, nor of a table
// that an older version of this project made with other columns.
func RowsFrom(m Mark) (From, bool) {
	for _, from := range []From{FromParts, FromFiles, FromTable} {
		if t := (Table{Columns: Spec{From: from}.tableColumns()}); t.Mark().Definition == m.Definition {
			return from, true
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

// Stream collects what was added to a table since a consumer last read it.
type Stream struct {
	Place
	// On is the table's name, quoted.
	On string
	// External is set for an external table, whose streams have an option of their own.
	External bool
	Owner    string
}

// Kind is KindStream.
func (s Stream) Kind() Kind { return KindStream }

// Create makes the stream if it is missing; it starts with what comes after that.
func (s Stream) Create() []string {
	return []string{"CREATE STREAM IF NOT EXISTS " + s.Name() + " " + s.definition() + "\n  " + s.Mark().clause()}
}

// Alter is empty: to move a stream to another table is to lose its position.
func (s Stream) Alter() []string { return nil }

// Describe lists the stream.
func (s Stream) Describe() string { return s.show(s.Kind()) }

// Drop drops the stream.
func (s Stream) Drop() string { return drop(s.Kind(), s.Name()) }

// Mark is the stream's comment.
func (s Stream) Mark() Mark { return mark(s.Owner, s.definition()) }

func (s Stream) definition() string {
	if s.External {
		return "ON EXTERNAL TABLE " + s.On + " INSERT_ONLY=TRUE"
	}
	return "ON TABLE " + s.On + " APPEND_ONLY=TRUE"
}
