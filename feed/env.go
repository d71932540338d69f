package feed

// Environment variables of the functions, besides EnvSpec.
const (
	// EnvLandingBucket is the name of the bucket for parts and quarantine.
	EnvLandingBucket = "LANDING_BUCKET"
	// EnvTable is the name of the DynamoDB table for records and the ledger.
	EnvTable = "TABLE"
	// EnvLoadFunction is the ARN of the function load, which unpack wakes for the parts.
	EnvLoadFunction = "LOAD_FUNCTION"
	// EnvLoaders is how many invocations of load may load at a time.
	EnvLoaders = "LOADERS"
	// EnvUnpackFunction is the function that discover dispatches objects to.
	EnvUnpackFunction = "UNPACK_FUNCTION"
)

// DefaultLoaders is how many invocations of load may load at a time, for all feeds of a
// table together. As many run as the table needs: by `make simulate` one for a new
// on-demand table, two for the default quota of a table, 40,000 write units a second.
const DefaultLoaders = 16

// MaxLoaders is the highest number of loaders.
const MaxLoaders = 64

// Names of the table's key attributes and of its index. A change of one of them would
// replace the tables of all users.
const (
	// PartitionKey and SortKey are the key attributes of the table, both strings.
	PartitionKey = "pk"
	SortKey      = "sk"
	// ExpiryAttribute is the time, in seconds since 1970, after which DynamoDB deletes an item
	// that has it. Only records have it: an item of the ledger with this attribute would be
	// deleted too.
	ExpiryAttribute = "expires_at"
	// LoadingKey is the partition key of the items that the loaders and the functions
	// unpack of all feeds share: the slots of the loaders, and the feeds with work.
	LoadingKey = "loading"
	// LedgerIndex lists the uploads of a feed by time. It is sparse: only the
	// ledger's upload items have its keys, so records add no cost to it.
	LedgerIndex             = "uploads_by_time"
	LedgerIndexPartitionKey = "ledger_feed"
	LedgerIndexSortKey      = "ledger_time"
	// LedgerIndexSettled is the attribute of the index that is written when an upload is
	// complete; the others are written when it begins.
	LedgerIndexSettled = "settled"
	// FormerLedgerIndex is what the index was called when it had whole items.
	FormerLedgerIndex = "uploads"
)
