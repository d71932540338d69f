package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

// Event is a batch of a DynamoDB stream, with the members that are exported. It is not
// events.DynamoDBEvent, which decodes each attribute into a value: images stay in wire
// form here and are transcoded directly into lines.
type Event struct {
	Records []Record `json:"Records"`
}

// Record is one change of one item.
type Record struct {
	EventID   string `json:"eventID"`
	EventName string `json:"eventName"`
	// Identity is that of a deletion by the expiry of the item, see expired.
	Identity Identity `json:"userIdentity"`
	Change   Change   `json:"dynamodb"`
}

// Change is what happened to the item.
type Change struct {
	// Created is the time in seconds since 1970, with or without a fraction.
	Created float64 `json:"ApproximateCreationDateTime"`
	Keys    Keys    `json:"Keys"`
	// NewImage is the item after the change, in DynamoDB's wire form. A removal has none.
	NewImage json.RawMessage `json:"NewImage"`
	// SequenceNumber grows with every change of an item: 21 to 40 digits.
	SequenceNumber string `json:"SequenceNumber"`
}

// Identity is who made a change. DynamoDB gives it for a deletion by the time to live alone
// ("DynamoDB Streams and Time to Live").
type Identity struct {
	Type      string `json:"type"`
	Principal string `json:"principalId"`
}

// expired reports whether DynamoDB deleted the item because its time to live was over.
func (r *Record) expired() bool {
	return r.EventName == eventRemove && r.Identity == Identity{"Service", "dynamodb.amazonaws.com"}
}

// Keys are the table's, feed.PartitionKey and feed.SortKey.
type Keys struct {
	Partition Key `json:"pk"`
	Sort      Key `json:"sk"`
}

// Key is a key's value; both are strings.
type Key struct {
	S string `json:"S"`
}

// The kinds of change, as the stream names them.
const (
	eventInsert = "INSERT"
	eventModify = "MODIFY"
	eventRemove = "REMOVE"
)

// kind is the kind of an item of the table.
type kind int

const (
	// kindRecord is a record of a feed.
	kindRecord kind = iota
	// kindLedger is an item of the ledger (an upload, a part), or the state of a function.
	kindLedger
	// kindForeign is an item that the project has not written. It belongs to no feed; it
	// is counted and not exported.
	kindForeign
	// kindExpired is a record that has expired. It is no deletion in Snowflake, unless its
	// feed asks for it.
	kindExpired
)

// change is a Record with decoded fields.
type change struct {
	*Record
	feed, upload string
	sequence     string // of sequenceDigits
	time         time.Time
}

// sequenceDigits is the greatest length of a sequence number ("StreamRecord").
// Sequence numbers padded to it sort as text.
const sequenceDigits = 40

// maxSeconds is in the year 6325.
const maxSeconds = 1 << 37

// read validates a record and returns its kind. A change that cannot be read is an
// error and fails the batch: Lambda bisects the batch until the change is alone in
// it, and then sends it to the on-failure destination.
func (r *Record) read() (change, kind, error) {
	c := change{Record: r}
	n := r.Change.SequenceNumber
	if n == "" || len(n) > sequenceDigits || !digits(n) {
		return c, 0, fmt.Errorf("the sequence number is not one of 1 to %d digits", sequenceDigits)
	}
	c.sequence = strings.Repeat("0", sequenceDigits-len(n)) + n
	// A time in milliseconds, as in a Kinesis stream, would be in the year 50,000.
	if r.Change.Created < 1 || r.Change.Created >= maxSeconds {
		return c, 0, fmt.Errorf("ApproximateCreationDateTime %v is not a time in seconds since 1970", r.Change.Created)
	}
	c.time = time.Unix(int64(r.Change.Created), 0).UTC()
	pk, sk := r.Change.Keys.Partition.S, r.Change.Keys.Sort.S
	if pk == "" || sk == "" {
		return c, 0, fmt.Errorf("no string keys %s and %s: is this the stream of the store's table?", feed.PartitionKey, feed.SortKey)
	}
	var k kind
	c.feed, c.upload, k = classify(pk, sk)
	if k != kindRecord {
		return c, k, nil
	}
	switch r.EventName {
	case eventInsert, eventModify:
		if len(r.Change.NewImage) == 0 {
			return c, 0, errors.New("no NewImage: the stream's view type must be NEW_IMAGE or NEW_AND_OLD_IMAGES")
		}
	case eventRemove:
	default:
		return c, 0, fmt.Errorf("event %q is none of %s, %s, %s", r.EventName, eventInsert, eventModify, eventRemove)
	}
	return c, kindRecord, nil
}

// classify derives feed, upload and kind from an item's keys. A foreign item with the
// keys of a record is exported as one, with the attributes of a record that it has.
func classify(pk, sk string) (feedName, id string, k kind) {
	if pk == feed.LoadingKey {
		return "", "", kindLedger
	}
	feedName, rest, _ := strings.Cut(pk, "#")
	id, shard, sharded := strings.Cut(rest, "#")
	switch {
	case !isFeedName(feedName) || !isUploadID(id):
	case sharded && isShard(shard) && isRecordSort(sk):
		return feedName, id, kindRecord
	case !sharded:
		return feedName, id, kindLedger
	}
	if isFeedName(feedName) && slices.Contains(bookkeeping, id) {
		return feedName, "", kindLedger
	}
	return "", "", kindForeign
}

// bookkeeping are the names that the keys of other state have in place of an upload's
// ID, which is longer: discover's seen objects and cursor, a backfill's checkpoint,
// the watch of a pipe, the formats that uploads were begun with, the parts that wait for
// load, and the uploads of a source object's key.
var bookkeeping = []string{"seen", "discover", "backfill", "watch", "spec", "work", "file"}

// isFeedName is the rule of feed.Spec.Validate. Such a name needs no escaping in JSON
// or an object's key, like the other components of a record's keys.
func isFeedName(s string) bool {
	if s == "" || len(s) > feed.MaxNameLength || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && !isDigit(c) && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

func isUploadID(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'v') {
			return false
		}
	}
	return len(s) == ids.IDLength
}

func isShard(s string) bool { return (len(s) == 1 || len(s) == 2 && s[0] != '0') && digits(s) }

func isRecordSort(s string) bool {
	return len(s) == ids.EntryDigits+1+ids.OrdinalDigits && s[ids.EntryDigits] == '/' &&
		digits(s[:ids.EntryDigits]) && digits(s[ids.EntryDigits+1:])
}

func digits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}
