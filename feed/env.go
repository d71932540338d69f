package feed

// Environment variables that name a function's surroundings.
const (
	// EnvLandingBucket names the bucket of parts and of quarantine.
	EnvLandingBucket = "LANDING_BUCKET"
	// EnvTable names the DynamoDB table of records and ledger.
	EnvTable = "TABLE"
	// EnvLoadFunction names the function that unpack hands each part to.
	EnvLoadFunction = "LOAD_FUNCTION"
	// EnvLoadQueueURL is, where queues are between the functions, that of load.
	EnvLoadQueueURL = "LOAD_QUEUE_URL"
	// EnvQueueURL is the function's own queue, where it has one: through it the
	// function hands on to itself.
	EnvQueueURL = "QUEUE_URL"
	// EnvUnpackFunction and EnvUnpackQueueURL are what discover hands objects to:
	// one of the two is set.
	EnvUnpackFunction = "UNPACK_FUNCTION"
	EnvUnpackQueueURL = "UNPACK_QUEUE_URL"
)

// Names of the table's keys and of its one index. They are a contract: to
// change one is to replace a user's table.
const (
	// PartitionKey and SortKey are the table's keys, both strings.
	PartitionKey = "pk"
	SortKey      = "sk"
	// LedgerIndex lists the uploads of a feed by time. It is sparse: only the
	// ledger's upload items carry its keys, so records cost it nothing.
	LedgerIndex             = "uploads"
	LedgerIndexPartitionKey = "ledger_feed"
	LedgerIndexSortKey      = "ledger_time"
)
