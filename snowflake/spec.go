// Package snowflake holds a feed's side of Snowflake: its objects, and the SQL
// that makes, changes, describes and drops them. It is plain Go, without a
// driver and without a client of AWS; package client speaks to Snowflake, and
// package deploy brings an account to what a Spec says.
package snowflake

import (
	"example.com/ingestion/feed"
)

// From says what a feed's rows in Snowflake are made of.
type From string

// The ways in.
const (
	// FromParts are the objects of the landing bucket: every record as it was
	// unpacked, with its ID.
	FromParts From = "parts"
	// FromFiles are the source objects as they are: Snowflake reads them itself.
	FromFiles From = "files"
	// FromTable are the changes of the DynamoDB table, which function export
	// writes to the landing bucket.
	FromTable From = "table"
)

// Load says how rows get into Snowflake.
type Load string

// The ways to load.
const (
	// Continuous is Snowpipe: within about a minute of an object's arrival.
	Continuous Load = "continuous"
	// Bulk is a COPY that a serverless task runs on a schedule.
	Bulk Load = "bulk"
	// ExternalTable leaves the data in S3; queries read it there.
	ExternalTable Load = "external"
)

// Column is a column that a view shows, or for delimited source files also a
// column of the table.
type Column struct {
	// Name as it is written in queries: simple names are upper-cased, so that
	// they need no quotes.
	Name string `json:"name"`
	// Path leads to the value inside a record, as object keys separated by dots.
	// Empty: the column's own name, as it is written here.
	Path string `json:"path,omitempty"`
	// Type is a Snowflake type, such as NUMBER(12,2). Empty: VARCHAR. A value
	// that it cannot hold shows as NULL; the record itself stays whole in the table.
	Type string `json:"type,omitempty"`
}

// Spec is what a feed's objects in Snowflake are made from, as far as it is
// known at synthesis. Names has what is known at deployment only. Its flags are
// JSON strings because CloudFormation turns every scalar of a custom resource
// into one.
type Spec struct {
	Feed string `json:"feed"`
	// Database and Schema must exist.
	Database string `json:"database"`
	Schema   string `json:"schema"`
	// Table takes the rows; with Load ExternalTable it is the external table.
	Table string `json:"table"`
	// View shows each record once, in its latest state. Default: <Table>_LATEST.
	View string `json:"view,omitempty"`
	// Integration is the storage integration, one per account of Snowflake and
	// name. Default: <FEED>_INTEGRATION.
	Integration string `json:"integration,omitempty"`
	// ExistingIntegration leaves the integration alone: somebody else owns it.
	ExistingIntegration bool `json:"existingIntegration,omitempty,string"`
	// ExternalID is what the integration shows to the role: 2 to 1,224
	// characters, never rotated.
	ExternalID string `json:"externalId,omitempty"`

	From From `json:"from"`
	Load Load `json:"load"`
	// Schedule is when Bulk runs: a cron expression of five fields.
	Schedule string `json:"schedule,omitempty"`
	// TimeZone is that of Schedule, as the IANA names it. Default: UTC.
	TimeZone string `json:"timeZone,omitempty"`

	// Format is that of the source files.
	Format feed.Format `json:"format"`
	// Columns are those of the view. For CSV they default to Format.Columns.
	Columns []Column `json:"columns,omitempty"`
	// Prefix is where the objects are that the stage shows: empty or ending in a slash.
	Prefix string `json:"prefix,omitempty"`
	// Suffixes limit FromFiles to the objects that the feed takes.
	Suffixes []string `json:"suffixes,omitempty"`
	// Stream adds an append-only stream on the table, for consumers of increments.
	Stream bool `json:"stream,omitempty,string"`
	// DropTables drops the table with the feed. Default: it is kept.
	DropTables bool `json:"dropTables,omitempty,string"`
}

// Names is what a deployment knows of a feed.
type Names struct {
	// Owner marks what belongs to this feed: <account>/<region>/<stack>/<the
	// feed's ID in it>. Objects of another owner are never touched.
	Owner string `json:"owner"`
	// Bucket has the objects.
	Bucket string `json:"bucket"`
	// RoleARN is of the role that the integration assumes.
	RoleARN string `json:"roleArn"`
	// TopicARN is of the topic that announces the objects of Bucket. Empty for Bulk.
	TopicARN string `json:"topicArn,omitempty"`
}

// Connection says how to reach an account of Snowflake.
type Connection struct {
	// Account is the identifier <organization>-<account>.
	Account string `json:"account"`
	User    string `json:"user"`
	// Role runs all statements and owns what they make.
	Role string `json:"role"`
	// Warehouse is for what needs one: to leave Bulk, or to give it another prefix,
	// which waits for a last run of the task. Nothing else does.
	Warehouse string `json:"warehouse,omitempty"`
	// Secret is the ARN of the Secrets Manager secret with the user's PKCS#8 key, in PEM.
	Secret string `json:"secret,omitempty"`
	// WorkloadIdentity logs in as the function's own IAM role, without a secret.
	WorkloadIdentity bool `json:"workloadIdentity,omitempty,string"`
	// Host overrides <account>.snowflakecomputing.com, for PrivateLink.
	Host string `json:"host,omitempty"`
}
