package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

// Part is the ledger's item of one part.
type Part struct {
	Feed   string `dynamodbav:"feed"`
	Upload string `dynamodbav:"upload"`
	// Name is <entry>-<part>, see ids.PartName.
	Name    string `dynamodbav:"part"`
	Entry   int    `dynamodbav:"entry"`       // of its first record
	Key     string `dynamodbav:"landing_key"` // in the landing bucket
	State   State  `dynamodbav:"state"`
	Records int64  `dynamodbav:"records"`
	Bytes   int64  `dynamodbav:"bytes"` // compressed
	Shards  int    `dynamodbav:"shards"`
	Stored  int64  `dynamodbav:"stored,omitempty"`
	// Rejected is how many of the records load put in quarantine.
	Rejected int64 `dynamodbav:"rejected,omitempty"`
	// Replayed is how many of those a replay has landed in other parts since.
	Replayed int64 `dynamodbav:"replayed"`
	// Message describes why the first of them was rejected.
	Message string `dynamodbav:"message,omitempty"`
	// Lines is how many of the part's lines Stored and Rejected account for, when
	// load's time ended.
	Lines int64 `dynamodbav:"lines_done"`
	// Reasons counts the rejected records by reason.
	Reasons map[string]int64 `dynamodbav:"-"`
	// RecordKey is the key of the records, nil for none: that of the upload, or of a replay.
	RecordKey *feed.RecordKey `dynamodbav:"-"`
	// ExpireAfterDays is for how many days after LandedAt the table keeps the records, 0 for
	// ever.
	ExpireAfterDays int `dynamodbav:"expire_after_days,omitempty"`
	// Time is that of the source object; it is in the key of quarantine objects.
	Time     time.Time `dynamodbav:"source_time"`
	LandedAt time.Time `dynamodbav:"landed_at,omitempty"`
	LoadedAt time.Time `dynamodbav:"loaded_at,omitempty"`
	// Members are the uploads of a shared part, Rejections count the records of each that
	// load has put in quarantine, by its ID. Reading is that of Upload.Reading.
	Members    []Member              `dynamodbav:"-"`
	Rejections map[string]Rejections `dynamodbav:"-"`
	Reading    string                `dynamodbav:"reading,omitempty"`
	// OwnLines means that only those lines of the object belong to the part whose IDs are
	// the upload's: it is a shared part.
	OwnLines bool `dynamodbav:"own_lines,omitempty"`
	// Shared is the ID of the shared part that PartsOf has derived this one from; empty
	// for a part that the ledger has an item of.
	Shared string `dynamodbav:"-"`
}

// Ref identifies the part for load.
func (p Part) Ref() ids.PartRef {
	return ids.PartRef{Feed: p.Feed, Upload: cmp.Or(p.Shared, p.Upload), Part: p.Name, Time: p.Time}
}

// keySpec is the attribute with a part's RecordKey, as JSON.
const keySpec = "key_spec"

func (p *Part) decodeKey(it item) error {
	text, ok := it[keySpec].(*types.AttributeValueMemberS)
	if !ok {
		return nil
	}
	if err := json.Unmarshal([]byte(text.Value), &p.RecordKey); err != nil {
		return fmt.Errorf("attribute %q: %w", keySpec, err)
	}
	return nil
}

// encodeKey adds the RecordKey to the item of the part.
func (p Part) encodeKey(it item) error {
	if p.RecordKey == nil {
		return nil
	}
	text, err := json.Marshal(p.RecordKey)
	it[keySpec] = str(string(text))
	return err
}

// Expiry is when the records of the part expire, zero for never. It is the same whenever
// the part is loaded.
func (p Part) Expiry() time.Time {
	if p.ExpireAfterDays == 0 || p.LandedAt.IsZero() {
		return time.Time{}
	}
	return p.LandedAt.AddDate(0, 0, p.ExpireAfterDays)
}

func (p Part) key() item { return key(p.Feed, p.Upload, partSortPrefix+p.Name) }

func decodePart(it item) (p Part, err error) {
	if err = decode(it, &p); err == nil {
		p.Reasons, err = decodeReasons(it)
	}
	if err == nil {
		err = errors.Join(p.decodeShared(it), p.decodeKey(it))
	}
	if err != nil {
		err = fmt.Errorf("ledger: item of part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	return p, err
}

// PutPart enters a part as Landed, unless the ledger has it already; it returns
// the state that the ledger then has.
func (l *Ledger) PutPart(ctx context.Context, p Part) (State, error) {
	it, err := l.encodePart(p)
	if err != nil {
		return "", fmt.Errorf("ledger: part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	written, err := l.put(ctx, it)
	if err != nil {
		return "", fmt.Errorf("ledger: enter part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	if written {
		return Landed, nil
	}
	was, ok, err := l.GetPart(ctx, p.Feed, p.Upload, p.Name)
	if err != nil {
		return "", err
	}
	if ok && was.Records != p.Records {
		return "", fmt.Errorf("ledger: part %s of upload %s has %d records now and had %d when it was first landed: the source object changed under one version",
			p.Name, p.Upload, p.Records, was.Records)
	}
	return was.State, nil
}

// encodePart returns the item of a new part.
func (l *Ledger) encodePart(p Part) (item, error) {
	it, err := encode(Part{
		Feed: p.Feed, Upload: p.Upload, Name: p.Name, Entry: p.Entry, Key: p.Key, State: Landed,
		Records: p.Records, Bytes: p.Bytes, Shards: p.Shards, Time: p.Time, LandedAt: l.now(), Reading: p.Reading,
		ExpireAfterDays: p.ExpireAfterDays,
	})
	if err != nil {
		return nil, err
	}
	if err := p.encodeKey(it); err != nil {
		return nil, err
	}
	if len(p.Members) > 0 {
		if it[membersAttribute], err = p.encodedMembers(); err != nil {
			return nil, err
		}
	}
	it["item"] = str("part")
	maps.Copy(it, p.key())
	return it, nil
}

// GetPart returns the item of a part, or false where the ledger has none.
func (l *Ledger) GetPart(ctx context.Context, feedName, id, name string) (Part, bool, error) {
	it, err := l.get(ctx, key(feedName, id, partSortPrefix+name), "part "+name+" of upload "+id)
	if err != nil || len(it) == 0 {
		return Part{}, false, err
	}
	p, err := decodePart(it)
	return p, err == nil, err
}

// PartProgress stores how far load has come with a part: p's counts account
// for p.Lines lines. It has no effect where another invocation has progressed
// with the part since this one read it, at from lines.
func (l *Ledger) PartProgress(ctx context.Context, p Part, from int64) error {
	c := change{key: p.key(), condition: equal("lines_done", from)}
	if err := c.setPartCounts(p); err != nil {
		return fmt.Errorf("ledger: part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	if _, err := l.apply(ctx, c); err != nil && !conditionFailed(err) {
		return fmt.Errorf("ledger: store progress of part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	return nil
}

func (c *change) setPartCounts(p Part) error {
	c.set("lines_done", p.Lines)
	c.set("stored", p.Stored)
	c.set("rejected", p.Rejected)
	if p.Message != "" {
		c.set("message", p.Message)
	}
	for _, reason := range slices.Sorted(maps.Keys(p.Reasons)) {
		c.set(reasonPrefix+reason, p.Reasons[reason])
	}
	if len(p.Rejections) == 0 {
		return nil
	}
	rejections, err := p.encodedRejections()
	c.set(rejectionsAttribute, rejections)
	return err
}

// PartLoaded marks a part as Loaded and adds its counts to its upload's, both
// or neither. It has no effect on a part that is Loaded already. The counts of a shared
// part are added to those of each of its uploads, one after the other; after an error the
// remainder can be added by another call.
func (l *Ledger) PartLoaded(ctx context.Context, p Part) error {
	if len(p.Members) > 0 {
		return l.sharedLoaded(ctx, p)
	}
	part := change{key: p.key(), condition: equal("state", Landed)}
	part.set("state", Loaded)
	part.set("loaded_at", stamp(l.now()))
	// With all lines done, a slower invocation cannot store its progress any more.
	p.Lines = p.Records
	if err := part.setPartCounts(p); err != nil {
		return fmt.Errorf("ledger: part %s of upload %s: %w", p.Name, p.Upload, err)
	}

	upload := change{key: key(p.Feed, p.Upload, uploadSortKey)}
	upload.add("stored", p.Stored)
	upload.add("rejected_by_load", p.Rejected)
	upload.add("parts_loaded", 1)
	if p.Message != "" {
		upload.setOnce("message", p.Message)
	}
	upload.addReasons(p.Reasons)
	upload.unsettle()

	if err := l.applyAll(ctx, part, upload); err != nil && !conditionFailed(err) {
		return fmt.Errorf("ledger: enter part %s of upload %s as loaded: %w", p.Name, p.Upload, err)
	}
	return nil
}
