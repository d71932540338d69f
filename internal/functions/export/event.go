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

// Event is a batch of a DynamoDB stream as Lambda hands it over: that part of
// it which is exported. Images stay as they came, and are transcoded straight
// into lines; events.DynamoDBEvent makes a value of each attribute first.
type Event struct {
	Records []Record `json:"Records"`
}

// Record is one change of one item.
type Record struct {
	EventID   string `json:"eventID"`
	EventName string `json:"eventName"`
	Change    Change `json:"dynamodb"`
}

// Change is what happened to the item.
type Change struct {
	// Created is in seconds since 1970, as a number with or without a fraction.
	Created float64 `json:"ApproximateCreationDateTime"`
	Keys    Keys    `json:"Keys"`
	// NewImage is the item after the change, in DynamoDB's wire form. A removal has none.
	NewImage json.RawMessage `json:"NewImage"`
	// SequenceNumber grows with every change of an item: 21 to 40 digits.
	SequenceNumber string `json:"SequenceNumber"`
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

// kind says whose an item is.
type kind int

const (
	// kindRecord is a record of a feed.
	kindRecord kind = iota
	// kindLedger is an item of the ledger: an upload or a part, or what a function
	// keeps of its own work.
	kindLedger
	// kindForeign is none of the store's: somebody put it there for a purpose of
	// their own, and there is no feed to export it to. It is counted and left out.
	kindForeign
)

// change is a Record whose fields were read.
type change struct {
	*Record
	feed, upload string
	sequence     string // of sequenceDigits
	time         time.Time
}

// sequenceDigits is the greatest length of a sequence number, from the API's
// StreamRecord. Padded to it, numbers sort as text.
const sequenceDigits = 40

// maxSeconds is in the year 6325.
const maxSeconds = 1 << 37

// read checks a record and tells whose it is. Whatever makes a change
// unreadable is an error, which fails the batch: the stream then halves it
// until the change stands alone, and hands it to the on-failure destination.
func (r *Record) read() (change, kind, error) {
	c := change{Record: r}
	n := r.Change.SequenceNumber
	if n == "" || len(n) > sequenceDigits || !digits(n) {
		return c, 0, fmt.Errorf("the sequence number is not one of 1 to %d digits", sequenceDigits)
	}
	c.sequence = strings.Repeat("0", sequenceDigits-len(n)) + n
	// Milliseconds, as Kinesis has them, would pass for the year 50,000.
	if r.Change.Created < 1 || r.Change.Created >= maxSeconds {
		return c, 0, fmt.Errorf("ApproximateCreationDateTime %v is no time in seconds since 1970", r.Change.Created)
	}
	c.time = time.Unix(int64(r.Change.Created), 0).UTC()
	pk, sk := r.Change.Keys.Partition.S, r.Change.Keys.Sort.S
	if pk == "" || sk == "" {
		return c, 0, fmt.Errorf("it has no keys %s and %s, both strings: is this the stream of the store's table?", feed.PartitionKey, feed.SortKey)
	}
	var k kind
	c.feed, c.upload, k = classify(pk, sk)
	if k != kindRecord {
		return c, k, nil
	}
	switch r.EventName {
	case eventInsert, eventModify:
		if len(r.Change.NewImage) == 0 {
			return c, 0, errors.New("it has no NewImage: the stream's view type must be NEW_IMAGE or NEW_AND_OLD_IMAGES")
		}
	case eventRemove:
	default:
		return c, 0, fmt.Errorf("event %q is none of %s, %s, %s", r.EventName, eventInsert, eventModify, eventRemove)
	}
	return c, kindRecord, nil
}

// classify takes keys apart. An item that somebody put under the keys of a
// record counts as one: it is exported with what it has of a record's attributes.
func classify(pk, sk string) (feedName, id string, k kind) {
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

// bookkeeping is what stands in the place of an upload's ID, and is none by its
// length, in the keys of what discover has seen and of how far it, a backfill
// and the watch over a pipe are.
var bookkeeping = []string{"seen", "discover", "backfill", "watch"}

// isFeedName is the rule of feed.Spec.Validate. What passes needs no escapes in
// JSON nor in an object's key, which holds for the rest of a record's keys too.
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
