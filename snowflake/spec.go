package snowflake

import (
	"example.com/ingestion/feed"
)

// From is the source of a feed's rows in Snowflake.
type From string

// The sources of rows.
const (
	// FromParts loads the parts in the landing bucket: every record as it was
	// unpacked, with its ID.
	FromParts From = "parts"
	// FromFiles loads the source objects as they are: Snowflake reads them itself.
	FromFiles From = "files"
	// FromTable loads the changes of the DynamoDB table, which function export
	// writes to the landing bucket.
	FromTable From = "table"
)

// Load is the method by which rows are loaded into Snowflake.
type Load string

// The methods to load.
const (
	// Continuous is Snowpipe: it loads an object about a minute after it arrives.
	Continuous Load = "continuous"
	// Bulk is a COPY that a serverless task runs on a schedule.
	Bulk Load = "bulk"
	// ExternalTable loads nothing: queries read the objects in S3.
	ExternalTable Load = "external"
)

// Column is a column of the view, and for delimited source files also of the table.
type Column struct {
	// Name is the name of the column. Simple names are converted to upper case, so
	// that they need no quotes in queries.
	Name string `json:"name"`
	// Path is the path to the value inside a record: object keys separated by dots.
	// Default: Name, in its original case.
	Path string `json:"path,omitempty"`
	// Type is a Snowflake data type, such as NUMBER(12,2). Default: VARCHAR. The
	// view has NULL for a value that the type cannot hold, and the name of the column in
	// _CONVERSION_ERRORS; DATA keeps the value. An empty text is NULL, without an error,
	// in a column that is no text. A value that is absent or null is NULL in every column.
	Type string `json:"type,omitempty"`
}

// Spec describes a feed's objects in Snowflake, as far as they are known at
// synthesis. Names has what is only known at deployment. Booleans are strings in
// JSON, because CloudFormation passes every scalar property of a custom resource
// as a string.
type Spec struct {
	// Feed is the feed's name.
	Feed string `json:"feed"`
	// Database and Schema must exist.
	Database string `json:"database"`
	Schema   string `json:"schema"`
	// Table is the table to load into; with Load ExternalTable it is the external table.
	Table string `json:"table"`
	// View has each record once, in its latest state. Default: <Table>_RECORDS.
	View string `json:"view,omitempty"`
	// Key has the paths of the values that identify what a record is about, see
	// feed.SplitPath. With a key there is the view <Table>_LATEST, with the newest record
	// of each key.
	Key []string `json:"key,omitempty"`
	// Integration is the storage integration; its name is unique in the Snowflake
	// account. Default: <FEED>_INTEGRATION.
	Integration string `json:"integration,omitempty"`
	// ExistingIntegration uses an integration that the feed does not own. It is
	// neither created, altered nor dropped.
	ExistingIntegration bool `json:"existingIntegration,omitempty,string"`
	// ExternalID is the external ID with which the integration assumes the role: 2
	// to 1,224 characters. It is never rotated.
	ExternalID string `json:"externalId,omitempty"`

	From From `json:"from"`
	Load Load `json:"load"`
	// Schedule is the schedule of Bulk: a cron expression of five fields.
	Schedule string `json:"schedule,omitempty"`
	// TimeZone is the time zone of Schedule, by its IANA name. Default: UTC.
	TimeZone string `json:"timeZone,omitempty"`

	// Format is the format of the source files.
	Format feed.Format `json:"format"`
	// Columns are the columns of the view. Default for CSV: Format.Columns.
	Columns []Column `json:"columns,omitempty"`
	// Prefix is the prefix of the objects to load: empty, or ending with a slash.
	Prefix string `json:"prefix,omitempty"`
	// Suffixes limit FromFiles to objects whose keys end with one of them.
	Suffixes []string `json:"suffixes,omitempty"`
	// Stream adds an append-only stream on the table, for incremental consumers.
	Stream bool `json:"stream,omitempty,string"`
	// Readers are roles that may query the views.
	Readers []string `json:"readers,omitempty"`
	// DropTables drops the table when the feed is deleted. Default: it is kept.
	DropTables bool `json:"dropTables,omitempty,string"`
}

// Names has the names and ARNs of a feed that are only known at deployment.
type Names struct {
	// Owner identifies the feed in the comments of its objects:
	// <account>/<region>/<stack>/<the feed's ID in it>. Objects of another owner are
	// never changed.
	Owner string `json:"owner"`
	// Bucket is the bucket with the objects.
	Bucket string `json:"bucket"`
	// RoleARN is the ARN of the role that the integration assumes.
	RoleARN string `json:"roleArn"`
	// TopicARN is the ARN of the topic with the notifications of Bucket. Empty for Bulk.
	TopicARN string `json:"topicArn,omitempty"`
}

// Connection has the parameters of a connection to a Snowflake account.
type Connection struct {
	// Account is the identifier <organization>-<account>.
	Account string `json:"account"`
	User    string `json:"user"`
	// Role runs all statements and owns the objects that they create.
	Role string `json:"role"`
	// Warehouse is only needed to change the load from Bulk to another, or the prefix
	// of Bulk: both wait for a last run of the task.
	Warehouse string `json:"warehouse,omitempty"`
	// Secret is the ARN of the Secrets Manager secret with the user's PKCS#8 key, in PEM.
	Secret string `json:"secret,omitempty"`
	// WorkloadIdentity logs in with the function's IAM role, without a secret.
	WorkloadIdentity bool `json:"workloadIdentity,omitempty,string"`
	// Host replaces <account>.snowflakecomputing.com, for PrivateLink.
	Host string `json:"host,omitempty"`
}
