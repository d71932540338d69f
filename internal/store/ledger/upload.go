package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

// Upload is the ledger's item of one upload.
type Upload struct {
	ids.Upload
	State State `dynamodbav:"state"`
	// Shards is the number of partition keys that the records are spread over.
	Shards int `dynamodbav:"shards"`
	// PartBytes is the size at which this upload's parts are closed. It is stored
	// so that a retry after a change of the feed's props makes the same parts.
	PartBytes int64 `dynamodbav:"part_bytes"`
	// Reading is the ID of the Reading that the upload was begun with, empty for an
	// upload of a version that kept none.
	Reading string `dynamodbav:"reading,omitempty"`
	// ExpireInSnowflake means that records that have expired are deleted in Snowflake too.
	ExpireInSnowflake bool `dynamodbav:"expire_in_snowflake,omitempty"`
	// Announce means that an event announces the upload when it becomes Loaded, see Announcing.
	Announce bool `dynamodbav:"announce,omitempty"`
	// Reader is the invocation that reads the upload, until ReaderUntil, see Lease.
	Reader      string    `dynamodbav:"reader,omitempty"`
	ReaderUntil time.Time `dynamodbav:"reader_until,omitempty"`
	// Shared is the ID of the shared part that has the upload's records, SharedLoaded
	// means that they are counted as loaded.
	Shared       string `dynamodbav:"shared_part,omitempty"`
	SharedLoaded bool   `dynamodbav:"shared_part_loaded,omitempty"`
	Counts
	// Stored is the number of records in the table, RejectedByLoad of those that
	// load put in quarantine, PartsLoaded of the parts in state Loaded.
	Stored         int64 `dynamodbav:"stored,omitempty"`
	RejectedByLoad int64 `dynamodbav:"rejected_by_load,omitempty"`
	PartsLoaded    int64 `dynamodbav:"parts_loaded,omitempty"`
	// Reasons counts the quarantined records by reason.
	Reasons map[string]int64 `dynamodbav:"-"`
	// Message describes the problem that was found first; empty if there is none.
	Message string `dynamodbav:"message,omitempty"`
	// Checkpoint is how far unpack had come when its time ended.
	Checkpoint Checkpoint `dynamodbav:"checkpoint,omitempty"`
	// Replays is the number of the latest replay, see Replay; 0 for none.
	Replays    int64     `dynamodbav:"replays,omitempty"`
	StartedAt  time.Time `dynamodbav:"started_at,omitempty"`
	UnpackedAt time.Time `dynamodbav:"unpacked_at,omitempty"`
	LoadedAt   time.Time `dynamodbav:"loaded_at,omitempty"`

	settled bool // the item has settledAttribute
}

// Counts are the counts that unpack knows when it has read the whole upload.
type Counts struct {
	Entries          int64 `dynamodbav:"entries,omitempty"`            // files in the archive, 1 for a plain object
	Records          int64 `dynamodbav:"records,omitempty"`            // landed, rejected and filtered
	RejectedByUnpack int64 `dynamodbav:"rejected_by_unpack,omitempty"` // put in quarantine by unpack
	Filtered         int64 `dynamodbav:"filtered,omitempty"`           // left out as the shape says
	Parts            int64 `dynamodbav:"parts,omitempty"`
	BytesUnpacked    int64 `dynamodbav:"bytes_unpacked,omitempty"` // of the entries, decompressed
	BytesLanded      int64 `dynamodbav:"bytes_landed,omitempty"`   // of the parts, compressed
}

// Quarantined is how many of the upload's records are in quarantine.
func (u Upload) Quarantined() int64 { return u.RejectedByUnpack + u.RejectedByLoad }

// Balanced reports whether every record is accounted for: in = stored + quarantined +
// filtered.
func (u Upload) Balanced() bool { return u.Records == u.Stored+u.Quarantined()+u.Filtered }

// encodeNew returns the item of a new upload, without its key.
func (l *Ledger) encodeNew(u Upload, state State) (item, error) {
	it, err := encode(Upload{Upload: u.Upload, State: state, Shards: u.Shards, PartBytes: u.PartBytes, Reading: u.Reading, StartedAt: l.now(), ExpireInSnowflake: u.ExpireInSnowflake, Announce: u.Announce})
	if err != nil {
		return nil, fmt.Errorf("ledger: upload %s: %w", u.ID, err)
	}
	delete(it, "checkpoint")
	maps.Copy(it, item{
		"item":                       str("upload"),
		"source":                     str(u.Source()),
		"version":                    str(u.Version()),
		feed.LedgerIndexPartitionKey: str(feed.LedgerIndexKey(u.Feed, u.ID)),
		feed.LedgerIndexSortKey:      str(indexSortKey(u)),
	})
	return it, nil
}

func indexSortKey(u Upload) string { return stamp(u.Time) + "#" + u.ID }

func decodeUpload(it item) (u Upload, err error) {
	if err = decode(it, &u); err == nil {
		u.Reasons, err = decodeReasons(it)
	}
	if err != nil {
		err = fmt.Errorf("ledger: item of upload %s: %w", u.ID, err)
	}
	_, u.settled = it[settledAttribute].(*types.AttributeValueMemberS)
	return u, err
}

// GetUpload returns the item of an upload, or false where the ledger has none.
func (l *Ledger) GetUpload(ctx context.Context, feedName, id string) (Upload, bool, error) {
	it, err := l.get(ctx, key(feedName, id, uploadSortKey), "upload "+id)
	if err != nil || len(it) == 0 {
		return Upload{}, false, err
	}
	u, err := decodeUpload(it)
	return u, err == nil, err
}

// Begin enters u as Unpacking and takes the lease in u.Reader and u.ReaderUntil, if
// it has one. It returns what the ledger then has: for an upload that was begun
// before, what was stored at that time, with the lease of another invocation where
// that one reads it.
func (l *Ledger) Begin(ctx context.Context, u Upload) (Upload, error) {
	it, err := l.encodeNew(u, Unpacking)
	if err != nil {
		return Upload{}, err
	}
	if err := l.putFile(ctx, u); err != nil {
		return Upload{}, err
	}
	c := change{key: key(u.Feed, u.ID, uploadSortKey)}
	for _, name := range slices.Sorted(maps.Keys(it)) {
		c.setOnce(name, it[name])
	}
	if u.Reader != "" {
		lease := Lease{u.Reader, u.ReaderUntil}
		c.condition = isNew().Or(l.mayTake(lease))
		c.setLease(lease)
	}
	it, err = l.apply(ctx, c)
	if conditionFailed(err) {
		u, _, err = l.GetUpload(ctx, u.Feed, u.ID)
		return u, err
	}
	if err != nil {
		return Upload{}, fmt.Errorf("ledger: begin upload %s: %w", u.ID, err)
	}
	return decodeUpload(it)
}

// Unpacked completes the unpacking of an upload with its counts, and ends the lease.
// It has no effect on an upload that is not in state Unpacking. The error wraps
// ErrLeaseLost where another invocation reads the upload.
func (l *Ledger) Unpacked(ctx context.Context, u Upload, counts Counts, reasons map[string]int64, message string) error {
	c := change{key: key(u.Feed, u.ID, uploadSortKey)}
	c.set("state", Unpacked)
	c.set("unpacked_at", stamp(l.now()))
	c.set("entries", counts.Entries)
	c.set("records", counts.Records)
	c.set("rejected_by_unpack", counts.RejectedByUnpack)
	if counts.Filtered > 0 {
		c.set("filtered", counts.Filtered)
	}
	c.set("parts", counts.Parts)
	c.set("bytes_unpacked", counts.BytesUnpacked)
	c.set("bytes_landed", counts.BytesLanded)
	if message != "" {
		c.set("message", message)
	}
	c.addReasons(reasons)
	return l.whileUnpacking(ctx, u, c)
}

// whileUnpacking makes a change of an upload if its state is Unpacking, and ends the
// lease of the invocation that has read u.
func (l *Ledger) whileUnpacking(ctx context.Context, u Upload, c change) error {
	c.condition = u.holds()
	c.removeLease()
	_, err := l.apply(ctx, c)
	if conditionFailed(err) {
		var now Upload
		if now, _, err = l.GetUpload(ctx, u.Feed, u.ID); err != nil || now.State != Unpacking {
			return err
		}
		if now.Reader == "" { // the response of this change was lost
			return nil
		}
		err = ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("ledger: change upload %s, which is being unpacked: %w", u.ID, err)
	}
	return nil
}

// Settle moves an upload from Unpacked to Loaded once all its parts are Loaded,
// and returns what the ledger then has. Every invocation that may have
// completed the last part calls it, and who has changed the counts of a Loaded upload.
func (l *Ledger) Settle(ctx context.Context, feedName, id string) (Upload, error) {
	for {
		u, ok, err := l.GetUpload(ctx, feedName, id)
		if err != nil {
			return u, err
		}
		if !ok {
			return u, fmt.Errorf("ledger: upload %s of feed %q is not entered", id, feedName)
		}
		if u.State != Unpacking && u.PartsLoaded > u.Parts {
			recounted, err := l.recount(ctx, u)
			if err != nil {
				return u, err
			}
			if recounted {
				continue
			}
		}
		if u.settled || u.PartsLoaded < u.Parts || u.State != Unpacked && u.State != Loaded {
			return u, nil
		}
		c := change{key: key(feedName, id, uploadSortKey), condition: equal("state", u.State).And(u.sameCounts())}
		if u.State == Unpacked {
			if err := l.loading(ctx, u); err != nil {
				return u, err
			}
			u.State, u.LoadedAt = Loaded, l.now()
		}
		if err := c.settle(u); err != nil {
			return u, err
		}
		it, err := l.apply(ctx, c)
		if conditionFailed(err) {
			continue // somebody else has settled or changed it
		}
		if err != nil {
			return u, fmt.Errorf("ledger: settle upload %s: %w", id, err)
		}
		return decodeUpload(it)
	}
}
