package snowflake

import "strings"

// VirtualColumn is a column that an external table computes for each row.
type VirtualColumn struct {
	Name, Type string
	// Expression is SQL over VALUE and the METADATA$ columns that an external
	// table has: FILENAME and FILE_ROW_NUMBER.
	Expression string
}

// External reads the files in S3 whenever it is queried; Snowflake keeps only
// the list of them. Its columns never depend on those that a feed declares, so
// that a column more changes the view alone.
type External struct {
	Place
	Columns []VirtualColumn
	// Partition is the name of the column to prune files by; empty: none.
	Partition string
	Stage     Stage
	// Pattern limits the files, as in Copy.
	Pattern string
	// TopicARN is of the topic that announces new and removed objects.
	TopicARN string
	Owner    string
}

// Kind is KindExternalTable.
func (e External) Kind() Kind { return KindExternalTable }

// Create makes the external table if it is missing, and lists the files that
// are there: the role has to work by then.
func (e External) Create() []string {
	return []string{"CREATE EXTERNAL TABLE IF NOT EXISTS " + e.Name() + " " + e.definition() + "\n  " + e.Mark().clause()}
}

// Alter is empty: see Replace.
func (e External) Alter() []string { return nil }

// Replace makes it anew. No data is lost, grants are kept; a stream on it is
// stale after that.
func (e External) Replace() string {
	return "CREATE OR REPLACE EXTERNAL TABLE " + e.Name() + " " + e.definition() + "\n  COPY GRANTS " + e.Mark().clause()
}

// Refresh lists the files again, which finds those that no event announced.
func (e External) Refresh() string { return "ALTER EXTERNAL TABLE " + e.Name() + " REFRESH" }

// Describe lists the external table; column notification_channel has the ARN
// of the queue that it hears from.
func (e External) Describe() string { return e.show(e.Kind()) }

// Drop drops the external table, not the files.
func (e External) Drop() string { return drop(e.Kind(), e.Name()) }

// Mark is the external table's comment. The stage's URL and integration are
// part of it: the list of files is theirs. So is the format's type: a format of
// another type is another object, and the external table keeps the hidden ID of
// the one that it was made with.
func (e External) Mark() Mark {
	return mark(e.Owner, e.definition(), e.Stage.options(), e.Stage.Format.Type)
}

func (e External) definition() string {
	columns := make([]string, len(e.Columns))
	for i, c := range e.Columns {
		columns[i] = Identifier(c.Name) + " " + c.Type + " AS (" + c.Expression + ")"
	}
	b := "(\n  " + strings.Join(columns, ",\n  ") + "\n)"
	if e.Partition != "" {
		b += "\n  PARTITION BY (" + Identifier(e.Partition) + ")"
	}
	b += "\n  LOCATION=@" + e.Stage.Name() + "/ REFRESH_ON_CREATE=TRUE AUTO_REFRESH=TRUE"
	if e.Pattern != "" {
		b += "\n  PATTERN=" + Literal(e.Pattern)
	}
	b += "\n  " + e.Stage.Format.reference()
	if e.TopicARN != "" {
		b += "\n  AWS_SNS_TOPIC=" + Literal(e.TopicARN)
	}
	return b
}
