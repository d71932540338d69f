package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

// Upload is the ledger's item of one upload.
type Upload struct {
	ids.Upload
	State State
	// Shards is how many partition keys the records are spread over.
	Shards int
	// PartBytes is the size at which this upload's parts are cut. It is kept so
	// that a retry after a change of the feed's props cuts the same parts.
	PartBytes int64
	Counts
	// Stored is how many records are in the table, RejectedByLoad how many
	// load put in quarantine, PartsLoaded how many parts are done.
	Stored, RejectedByLoad, PartsLoaded int64
	// Reasons counts the quarantined records by reason.
	Reasons map[string]int64
	// Message says in words what is worth knowing; empty when all is well.
	Message string
	// Checkpoint is how far unpack has come when it ran out of time.
	Checkpoint Checkpoint
	// Replays is the number of the latest replay, see Replay; 0 for none.
	Replays             int64
	StartedAt, LoadedAt time.Time
	UnpackedAt          time.Time
}

// Counts is what unpack knows at the end of an upload.
type Counts struct {
	Entries          int64 // files in the archive, 1 for a plain object
	Records          int64 // records in: landed and rejected
	RejectedByUnpack int64 // records that unpack put in quarantine
	Parts            int64
	BytesUnpacked    int64 // decompressed
	BytesLanded      int64 // of the parts, compressed
}

// Quarantined is how many of the upload's records are in quarantine.
func (u Upload) Quarantined() int64 { return u.RejectedByUnpack + u.RejectedByLoad }

// Balanced reports whether every record is accounted for: in = stored + quarantined.
func (u Upload) Balanced() bool { return u.Records == u.Stored+u.Quarantined() }

// GetUpload returns the item of an upload, or false where the ledger has none.
func (l *Ledger) GetUpload(ctx context.Context, feedName, id string) (Upload, bool, error) {
	out, err := l.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.table, Key: key(feedName, id, uploadSortKey), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Upload{}, false, fmt.Errorf("ledger: read upload %s: %w", id, err)
	}
	if len(out.Item) == 0 {
		return Upload{}, false, nil
	}
	return decodeUpload(out.Item), true, nil
}

// Begin enters u as Unpacking and returns what the ledger then holds: for an
// upload that was begun before, what was settled at that time.
func (l *Ledger) Begin(ctx context.Context, u Upload) (Upload, error) {
	sets := l.entry(u, Unpacking)
	e := newExpression()
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		e.set(name, "if_not_exists("+e.name(name)+", "+e.value(name, sets[name])+")")
	}
	out, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: key(u.Feed, u.ID, uploadSortKey),
		UpdateExpression: e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ReturnValues: types.ReturnValueAllNew,
	})
	if err != nil {
		return Upload{}, fmt.Errorf("ledger: begin upload %s: %w", u.ID, err)
	}
	return decodeUpload(out.Attributes), nil
}

// entry is a new upload's item, without its key.
func (l *Ledger) entry(u Upload, state State) item {
	return item{
		"item":                       str("upload"),
		"feed":                       str(u.Feed),
		"upload":                     str(u.ID),
		"bucket":                     str(u.Bucket),
		"key":                        str(u.Key),
		"source":                     str(u.Source()),
		"version":                    str(u.Version()),
		"version_id":                 str(u.VersionID),
		"etag":                       str(u.ETag),
		"bytes_in":                   num(u.Size),
		"source_time":                stamp(u.Time),
		"state":                      str(string(state)),
		"shards":                     num(int64(u.Shards)),
		"part_bytes":                 num(u.PartBytes),
		"started_at":                 stamp(l.now()),
		feed.LedgerIndexPartitionKey: str(u.Feed),
		feed.LedgerIndexSortKey:      str(u.Time.UTC().Format(timeLayout) + "#" + u.ID),
	}
}

// Unpacked ends the unpacking of an upload with its counts. An upload that is
// past that state already is left as it is.
func (l *Ledger) Unpacked(ctx context.Context, u Upload, c Counts, reasons map[string]int64, message string) error {
	e := newExpression()
	e.put("state", str(string(Unpacked)))
	e.put("unpacked_at", stamp(l.now()))
	e.put("entries", num(c.Entries))
	e.put("records", num(c.Records))
	e.put("rejected_by_unpack", num(c.RejectedByUnpack))
	e.put("parts", num(c.Parts))
	e.put("bytes_unpacked", num(c.BytesUnpacked))
	e.put("bytes_landed", num(c.BytesLanded))
	if message != "" {
		e.put("message", str(message))
	}
	e.addReasons(reasons)
	return l.whileUnpacking(ctx, u, e)
}

// whileUnpacking makes an update that only an upload in state Unpacking takes.
func (l *Ledger) whileUnpacking(ctx context.Context, u Upload, e *expression) error {
	_, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: key(u.Feed, u.ID, uploadSortKey),
		ConditionExpression: aws.String(e.name("state") + " = " + e.value("from", str(string(Unpacking)))),
		UpdateExpression:    e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	var moved *types.ConditionalCheckFailedException
	if errors.As(err, &moved) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ledger: end unpacking of upload %s: %w", u.ID, err)
	}
	return nil
}

// Settle moves an upload from Unpacked to Loaded once all its parts are, and
// returns what the ledger then holds. Whoever may have been last calls it.
func (l *Ledger) Settle(ctx context.Context, feedName, id string) (Upload, error) {
	u, ok, err := l.GetUpload(ctx, feedName, id)
	if err != nil {
		return u, err
	}
	if !ok {
		return u, fmt.Errorf("ledger: upload %s of feed %q is not entered", id, feedName)
	}
	if u.State != Unpacking && u.PartsLoaded > u.Parts {
		if err := l.recount(ctx, u); err != nil {
			return u, err
		}
		if u, _, err = l.GetUpload(ctx, feedName, id); err != nil {
			return u, err
		}
	}
	if u.State != Unpacked || u.PartsLoaded < u.Parts {
		return u, nil
	}
	e := newExpression()
	e.put("state", str(string(Loaded)))
	e.put("loaded_at", stamp(l.now()))
	// A replay may have landed more since the upload was read.
	condition := e.name("state") + " = " + e.value("from", str(string(Unpacked))) + " AND " + e.name("parts") + " = " + e.value("parts", num(u.Parts))
	out, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: key(feedName, id, uploadSortKey),
		ConditionExpression: &condition,
		UpdateExpression:    e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ReturnValues: types.ReturnValueAllNew,
	})
	var moved *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &moved):
		u, _, err = l.GetUpload(ctx, feedName, id)
		return u, err
	case err != nil:
		return u, fmt.Errorf("ledger: settle upload %s: %w", id, err)
	}
	return decodeUpload(out.Attributes), nil
}
