package feed

// Environment variables of the functions, besides EnvSpec.
const (
	// EnvLandingBucket is the name of the bucket for parts and quarantine.
	EnvLandingBucket = "LANDING_BUCKET"
	// EnvTable is the name of the DynamoDB table for records and the ledger.
	EnvTable = "TABLE"
	// EnvLoadFunction is the name of the function that unpack dispatches parts to.
	EnvLoadFunction = "LOAD_FUNCTION"
	// EnvLoadQueueURL is the URL of load's queue, set if the functions have queues:
	// unpack dispatches parts to it instead.
	EnvLoadQueueURL = "LOAD_QUEUE_URL"
	// EnvQueueURL is the URL of the function's own queue, if it has one: continuations
	// are dispatched to it.
	EnvQueueURL = "QUEUE_URL"
	// EnvUnpackFunction and EnvUnpackQueueURL are the function and the queue that discover
	// dispatches objects to: one of the two is set.
	EnvUnpackFunction = "UNPACK_FUNCTION"
	EnvUnpackQueueURL = "UNPACK_QUEUE_URL"
)

// Names of the table's key attributes and of its index. A change of one of them would
// replace the tables of all users.
const (
	// PartitionKey and SortKey are the key attributes of the table, both strings.
	PartitionKey = "pk"
	SortKey      = "sk"
	// LedgerIndex lists the uploads of a feed by time. It is sparse: only the
	// ledger's upload items have its keys, so records add no cost to it.
	LedgerIndex             = "uploads"
	LedgerIndexPartitionKey = "ledger_feed"
	LedgerIndexSortKey      = "ledger_time"
)
