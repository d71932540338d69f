package snowflake

import "strings"

// VirtualColumn is a column that an external table computes for each row.
type VirtualColumn struct {
	Name, Type string
	// Expression is SQL over VALUE and the METADATA$ columns that an external
	// table has: FILENAME and FILE_ROW_NUMBER.
	Expression string
}

// External is an external table. Every query reads the files in S3; Snowflake
// stores only the list of files. Its columns do not depend on those that a feed
// declares, so that a new column only changes the view.
type External struct {
	ObjectName
	Columns []VirtualColumn
	// Partition is the name of the column to partition by; empty for none.
	Partition string
	Stage     Stage
	// Pattern limits the files, as in Copy.
	Pattern string
	// TopicARN is the ARN of the topic that publishes notifications of created and
	// deleted objects.
	TopicARN string
	Owner    string
}

// Kind returns KindExternalTable.
func (e External) Kind() Kind { return KindExternalTable }

// Create creates the external table if it does not exist, and registers the
// existing files. The role must work by then.
func (e External) Create() []string {
	return []string{"CREATE EXTERNAL TABLE IF NOT EXISTS " + e.Name() + " " + e.definition() + "\n  " + e.Comment().clause()}
}

// Alter returns nothing: external tables are replaced, see Replace.
func (e External) Alter() []string { return nil }

// Replace replaces the external table. No data is lost and grants are kept, but
// a stream on it becomes stale.
func (e External) Replace() string {
	return "CREATE OR REPLACE EXTERNAL TABLE " + e.Name() + " " + e.definition() + "\n  COPY GRANTS " + e.Comment().clause()
}

// Refresh registers the files that no notification was received for.
func (e External) Refresh() string { return "ALTER EXTERNAL TABLE " + e.Name() + " REFRESH" }

// Describe lists the external table. Column notification_channel has the ARN of
// the queue that receives its notifications.
func (e External) Describe() string { return e.show(e.Kind()) }

// Drop drops the external table, not the files.
func (e External) Drop() string { return drop(e.Kind(), e.Name()) }

// Comment returns the external table's comment. The hash includes the stage's URL
// and integration, because the list of files depends on them, and the format's
// type: a format of another type is a new object, and the external table refers
// to the old one by its internal ID.
func (e External) Comment() Comment {
	return newComment(e.Owner, e.definition(), e.Stage.options(), e.Stage.Format.Type)
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
