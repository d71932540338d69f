// Package ledger keeps, in the feed's own table, what happened to each upload
// and to each part: counts in, stored and quarantined, bytes, state and times.
//
// An upload's item and its parts' items share one partition key,
// <feed>#<upload>. The sort keys are "upload" and "part#<entry>-<part>". The
// upload's item alone carries the keys of the sparse index, by which the
// uploads of a feed are one Query, in order of their source object's time.
//
// Every change is either a no-op when it comes twice or is made together with
// the change of state that it belongs to, in one transaction. So counts stay
// right whatever is repeated.
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
	// Unpacking: unpack has begun, and has not said that it has ended.
	Unpacking State = "unpacking"
	// Unpacked: every part is landed and handed to load, not all are loaded.
	Unpacked State = "unpacked"
	// Loaded: every record is in the table or in quarantine. Also of a part.
	Loaded State = "loaded"
	// Missing: the source object was deleted or overwritten before it was read.
	Missing State = "missing"
	// Landed: of a part that is in the landing bucket and not loaded yet.
	Landed State = "landed"
)

// Done reports whether nothing is left to do for an upload or part in that state.
func (s State) Done() bool { return s == Loaded || s == Missing }

const (
	uploadSortKey  = "upload"
	partSortPrefix = "part#"
	reasonPrefix   = "reason#"
)

// API is what the ledger needs of a DynamoDB client.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Ledger is the ledger of one table.
type Ledger struct {
	api   API
	table string
	now   func() time.Time
}

// New returns the ledger that is kept in table.
func New(api API, table string) *Ledger {
	return &Ledger{api: patient{api}, table: table, now: time.Now}
}
