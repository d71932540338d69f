package ledger

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// State is how far an upload or a part has come.
type State string

// The states of an upload, in order, and those of a part.
const (
	// Unpacking: unpack has begun the upload and has not completed it.
	Unpacking State = "unpacking"
	// Unpacked: every part of the upload was landed and dispatched to load; at
	// least one is not loaded.
	Unpacked State = "unpacked"
	// Loaded: every record of the upload or part is in the table or in quarantine.
	Loaded State = "loaded"
	// Missing: the source object was deleted or overwritten before it was read.
	Missing State = "missing"
	// Landed: the part is in the landing bucket and not loaded.
	Landed State = "landed"
)

// Done reports whether an upload or part in that state is complete.
func (s State) Done() bool { return s == Loaded || s == Missing }

// Sort keys, and the prefix of the attributes that count records by reason.
const (
	uploadSortKey    = "upload"
	partSortPrefix   = "part#"
	replaySortPrefix = "replay#"
	reasonPrefix     = "reason#"
)

// API is the part of the DynamoDB client that a Ledger uses.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	BatchAPI
}

// Ledger is the ledger of one table.
type Ledger struct {
	api   retryingAPI
	table string
	now   func() time.Time
	// announce is that of Announcing, or nil.
	announce func(context.Context, Upload) error
}

// New returns the ledger that is kept in table.
func New(api API, table string) *Ledger {
	return &Ledger{api: retryingAPI{api, onlyByClient}, table: table, now: time.Now}
}
