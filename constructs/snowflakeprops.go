package constructs

import (
	"example.com/ingestion/constructs/internal/topic"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// SnowflakeConnection describes how the deployment connects to an account of Snowflake.
// Secret is the name or the ARN of the Secrets Manager secret with the user's
// key. One that is known at deployment only must be the whole ARN.
type SnowflakeConnection = snowflake.Connection

// SnowflakeColumn is a column that the feed's view shows.
type SnowflakeColumn = snowflake.Column

// SnowflakeProps take a feed's records to Snowflake. With a Connection the
// deployment makes everything there. Without it, it makes the role that Snowflake
// reads through, and `ingest sql <stack>` prints the statements to run by hand:
// then Principal and ExternalID are required. Database, Schema and Table are
// required, any other zero field means its default.
type SnowflakeProps struct {
	// Connection is the account, and the user and role that connect to it.
	Connection *SnowflakeConnection
	// Principal, without a Connection, is the ARN of the account's Snowflake IAM
	// user: the same for all of its integrations, shown by DESC STORAGE
	// INTEGRATION as STORAGE_AWS_IAM_USER_ARN.
	Principal string
	// ExternalID, without a Connection, is the integration's
	// STORAGE_AWS_EXTERNAL_ID: 2 to 1,224 characters, chosen by you and never rotated.
	ExternalID string
	// Subscriber, without a Connection, is the ARN of the IAM user that
	// SYSTEM$GET_AWS_SNS_IAM_POLICY names. Continuous and ExternalTable need it
	// where the topic is the feed's own: FromFiles, or without a Store.
	Subscriber string

	// Database and Schema must exist. Table takes the rows, or is the external table.
	Database, Schema, Table string
	// From is what rows are made of: FromParts() (default), FromFiles() or FromTable().
	From SnowflakeFrom
	// Load is how they are loaded: Continuous() (default), Bulk("17 2 * * *") or ExternalTable().
	Load SnowflakeLoad
	// Columns are those of the view. Default: the whole record in DATA, for CSV
	// the columns of the format.
	Columns []SnowflakeColumn
	// View shows each record once, in its latest state (default <Table>_RECORDS). A
	// feed with a RecordKey has the view <Table>_LATEST too, with the newest record of each key.
	View string
	// Integration is the storage integration (default <FEED>_INTEGRATION).
	Integration string
	// ExistingIntegration uses an integration, and its role, that the feed does not
	// make. It must allow the location that the feed's stage shows.
	ExistingIntegration bool
	// Stream adds an append-only stream on the table.
	Stream bool
	// Readers are roles of the account that may query the views: they get SELECT on them,
	// and USAGE on the database and the schema, for which the connection's role must own
	// these unless the readers have it. A role that is taken out loses SELECT only.
	Readers []string
	// DropTables drops the table when the feed is destroyed. Default: it is kept.
	DropTables bool
}

// SnowflakeFrom is what the rows of a feed are made of. Make one with
// FromParts, FromFiles or FromTable.
type SnowflakeFrom struct{ from snowflake.From }

// FromParts takes every record as it was unpacked, with its ID.
func FromParts() SnowflakeFrom { return SnowflakeFrom{snowflake.FromParts} }

// FromFiles has Snowflake read the source files itself. Delimited text must
// declare its columns; archives and JSON().At(…) cannot be read so.
func FromFiles() SnowflakeFrom { return SnowflakeFrom{snowflake.FromFiles} }

// FromTable takes the changes of the DynamoDB table: also what is changed or
// deleted there later. A Store that is given needs Changes.
func FromTable() SnowflakeFrom { return SnowflakeFrom{snowflake.FromTable} }

// SnowflakeLoad is how rows are loaded into Snowflake. Make one with Continuous,
// Bulk or ExternalTable.
type SnowflakeLoad struct {
	load               snowflake.Load
	schedule, timeZone string
}

// Continuous loads each object within about a minute of its arrival, by Snowpipe.
func Continuous() SnowflakeLoad { return SnowflakeLoad{load: snowflake.Continuous} }

// ExternalTable leaves the data in S3; queries read it there.
func ExternalTable() SnowflakeLoad { return SnowflakeLoad{load: snowflake.ExternalTable} }

// Bulk loads what is new on a schedule, by a serverless task. The schedule is a
// cron expression of five fields: "17 2 * * *" is every night at 02:17.
func Bulk(schedule string, options ...BulkOption) SnowflakeLoad {
	l := SnowflakeLoad{load: snowflake.Bulk, schedule: schedule}
	for _, option := range options {
		option(&l)
	}
	return l
}

// BulkOption is an option of Bulk.
type BulkOption func(*SnowflakeLoad)

// InTimeZone reads the schedule in a time zone of IANA's, such as
// "Europe/Berlin" (default UTC).
func InTimeZone(name string) BulkOption {
	return func(l *SnowflakeLoad) { l.timeZone = name }
}

// spec is what the feed's objects in Snowflake are made from.
func (p SnowflakeProps) spec(s feed.Spec) snowflake.Spec {
	spec := snowflake.Spec{
		Feed:                s.Feed,
		Database:            p.Database,
		Schema:              p.Schema,
		Table:               p.Table,
		View:                p.View,
		Integration:         p.Integration,
		ExistingIntegration: p.ExistingIntegration,
		ExternalID:          p.ExternalID,
		From:                p.From.from,
		Load:                p.Load.load,
		Schedule:            p.Load.schedule,
		TimeZone:            p.Load.timeZone,
		Format:              s.Format,
		Columns:             p.Columns,
		Stream:              p.Stream,
		Readers:             p.Readers,
		DropTables:          p.DropTables,
	}
	if s.RecordKey != nil {
		spec.Key = s.RecordKey.Fields
	}
	if spec.From == snowflake.FromFiles {
		if len(s.Sources) == 1 {
			spec.Prefix, spec.Suffixes = s.Sources[0].Prefix, s.Sources[0].Suffixes
		}
	}
	return spec.WithDefaults()
}

// checkedSpec is spec for validation, with a placeholder for the external ID,
// which is made with the construct, or reported as missing already.
func (p SnowflakeProps) checkedSpec(s feed.Spec) snowflake.Spec {
	spec := p.spec(s)
	if spec.ExternalID == "" {
		spec.ExternalID = "made-with-the-construct"
	}
	return spec
}

// notified reports whether a topic notifies Snowflake of each object.
func notified(s snowflake.Spec) bool { return s.Load != snowflake.Bulk }

// sourceSubscribers are notified of the source objects too, nil for nobody.
func (p IngestionPipelineProps) sourceSubscribers() *topic.Subscribers {
	if p.Snowflake == nil {
		return nil
	}
	spec := p.Snowflake.spec(p.spec())
	if spec.From != snowflake.FromFiles || !notified(spec) {
		return nil
	}
	all := &topic.Subscribers{
		ARNs:       p.Snowflake.subscribers(),
		Connection: p.Snowflake.Connection,
		Removals:   spec.Load == snowflake.ExternalTable,
	}
	// An account has one such user for all topics. The store may have looked it up.
	if c := all.Connection; c != nil && p.Store != nil && p.Store.names.snowflakeUser != "" && p.Store.names.snowflakeAccount == c.Account {
		all.ARNs, all.Connection = []string{p.Store.names.snowflakeUser}, nil
	}
	return all
}

// subscribers are the ARNs that may subscribe to a topic of the feed's own.
func (p SnowflakeProps) subscribers() []string {
	if p.Subscriber == "" {
		return nil
	}
	return []string{p.Subscriber}
}

// connection is the feed's connection to Snowflake, nil for none.
func (p IngestionPipelineProps) connection() *SnowflakeConnection {
	if p.Snowflake == nil {
		return nil
	}
	return p.Snowflake.Connection
}
