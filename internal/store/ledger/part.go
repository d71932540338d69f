package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
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
	// Time is that of the source object; it is in the key of quarantine objects.
	Time     time.Time `dynamodbav:"source_time"`
	LandedAt time.Time `dynamodbav:"landed_at,omitempty"`
	LoadedAt time.Time `dynamodbav:"loaded_at,omitempty"`
}

func (p Part) key() item { return key(p.Feed, p.Upload, partSortPrefix+p.Name) }

func decodePart(it item) (p Part, err error) {
	if err = decode(it, &p); err == nil {
		p.Reasons, err = decodeReasons(it)
	}
	if err != nil {
		err = fmt.Errorf("ledger: item of part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	return p, err
}

// PutPart enters a part as Landed, unless the ledger has it already; it returns
// the state that the ledger then has.
func (l *Ledger) PutPart(ctx context.Context, p Part) (State, error) {
	it, err := encode(Part{
		Feed: p.Feed, Upload: p.Upload, Name: p.Name, Entry: p.Entry, Key: p.Key, State: Landed,
		Records: p.Records, Bytes: p.Bytes, Shards: p.Shards, Time: p.Time, LandedAt: l.now(),
	})
	if err != nil {
		return "", fmt.Errorf("ledger: part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	it["item"] = str("part")
	maps.Copy(it, p.key())
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
	c.setPartCounts(p)
	if _, err := l.apply(ctx, c); err != nil && !conditionFailed(err) {
		return fmt.Errorf("ledger: store progress of part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	return nil
}

func (c *change) setPartCounts(p Part) {
	c.set("lines_done", p.Lines)
	c.set("stored", p.Stored)
	c.set("rejected", p.Rejected)
	if p.Message != "" {
		c.set("message", p.Message)
	}
	for _, reason := range slices.Sorted(maps.Keys(p.Reasons)) {
		c.set(reasonPrefix+reason, p.Reasons[reason])
	}
}

// PartLoaded marks a part as Loaded and adds its counts to its upload's, both
// or neither. It has no effect on a part that is Loaded already.
func (l *Ledger) PartLoaded(ctx context.Context, p Part) error {
	part := change{key: p.key(), condition: equal("state", Landed)}
	part.set("state", Loaded)
	part.set("loaded_at", stamp(l.now()))
	// With all lines done, a slower invocation cannot store its progress any more.
	p.Lines = p.Records
	part.setPartCounts(p)

	upload := change{key: key(p.Feed, p.Upload, uploadSortKey)}
	upload.add("stored", p.Stored)
	upload.add("rejected_by_load", p.Rejected)
	upload.add("parts_loaded", 1)
	if p.Message != "" {
		upload.setOnce("message", p.Message)
	}
	upload.addReasons(p.Reasons)

	if err := l.applyAll(ctx, part, upload); err != nil && !conditionFailed(err) {
		return fmt.Errorf("ledger: enter part %s of upload %s as loaded: %w", p.Name, p.Upload, err)
	}
	return nil
}
