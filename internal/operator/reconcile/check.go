package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/files/archive"
	"example.com/ingestion/internal/files/record"
	"example.com/ingestion/internal/store/ledger"
)

// check is the comparison of one upload.
type check struct {
	*Reconcile
	ctx      context.Context
	u        ledger.Upload
	rows     *counted
	told     Upload
	findings []Finding
	gone     []string // parts that were looked for and not found in the landing bucket
}

func (c *check) find(f Finding) {
	f.Upload, f.Source = c.u.ID, c.u.Source()
	c.findings = append(c.findings, f)
	c.told.Differs = c.told.Differs || f.Difference()
	c.told.Waiting = c.told.Waiting || f.Kind == Waiting
}

func (c *check) mend(verb, more string) string {
	return c.command(verb, "--upload "+c.u.ID+more)
}

func (c *check) all() error {
	u := c.u
	c.told = Upload{
		ID: u.ID, Source: u.Source(), State: u.State, Records: u.Records, Stored: u.Stored, Quarantined: u.Quarantined(),
	}
	if u.State == ledger.Missing {
		return nil // its object was gone before it was read: there is nothing to compare
	}
	if u.State == ledger.Unpacking {
		c.late(Stuck, u.StartedAt, Finding{Detail: "it was begun and not unpacked to its end", Mend: c.mend("replay", "")})
	}
	parts, err := c.parts()
	if err != nil {
		return err
	}
	if u.State == ledger.Loaded && !u.Balanced() {
		c.find(Finding{Kind: Unbalanced, Count: u.Records - u.Stored - u.Quarantined(), Detail: fmt.Sprintf(
			"%d records came in, %d are stored and %d quarantined", u.Records, u.Stored, u.Quarantined())})
	}
	if err := c.table(parts); err != nil {
		return err
	}
	if c.Deep {
		if err := c.file(); err != nil {
			return err
		}
	}
	return c.snowflake(parts)
}

// late is a finding of something that is under way since a time: a difference
// once it is older than Patience.
func (c *check) late(kind Kind, since time.Time, f Finding) {
	f.Kind = kind
	if age := c.now().Sub(since); age < c.Patience {
		f.Kind, f.Mend = Waiting, ""
	} else {
		f.Detail += fmt.Sprintf(", for %s now", age.Round(time.Second))
	}
	c.find(f)
}

// parts returns the parts of the upload, and finds those that are not loaded.
func (c *check) parts() ([]ledger.Part, error) {
	var parts []ledger.Part
	err := c.Ledger.Parts(c.ctx, c.Feed, c.u.ID, func(p ledger.Part) bool {
		parts = append(parts, p)
		return true
	})
	for _, p := range parts {
		if !p.State.Done() {
			c.late(NotLoaded, p.LandedAt, Finding{Part: p.Name, Count: p.Records - p.Lines, Detail: "the part was landed and not loaded", Mend: c.mend("replay", "")})
		}
	}
	return parts, err
}

// file recounts the records of the source object, as unpack does.
func (c *check) file() error {
	if c.u.State == ledger.Unpacking {
		return nil
	}
	source, err := c.Source(c.ctx, c.u)
	if err == nil {
		c.told.InFile, err = c.recount(source, c.Spec.Format)
	}
	if err == nil && *c.told.InFile != c.u.Records && len(c.Spec.Format.Columns) > 0 {
		// The feed may have had other columns when the file came.
		format := c.Spec.Format
		format.Columns = nil
		var n *int64
		if n, err = c.recount(source, format); err == nil && *n == c.u.Records {
			c.told.InFile = n
		}
	}
	if errors.Is(err, s3source.ErrNotFound) {
		c.find(Finding{Kind: Unread, Detail: "the file is not there any more, so it cannot be counted again"})
		return nil
	}
	if err != nil {
		return err
	}
	if n := *c.told.InFile; n != c.u.Records {
		c.find(Finding{
			Kind: FileDiffer, Count: n - c.u.Records,
			Detail: fmt.Sprintf("the file has %d records as the feed reads it now, the ledger %d: was the feed's format or a limit changed since?", n, c.u.Records),
		})
	}
	return nil
}

func (c *check) recount(source *s3source.Object, format feed.Format) (*int64, error) {
	n := &counter{format: format, limits: c.Spec.Limits}
	if err := archive.Walk(c.ctx, c.u.Key, source, c.Spec.Limits, n); err != nil {
		return nil, err
	}
	return &n.records, nil
}

// counter counts records as unpack does.
type counter struct {
	format  feed.Format
	limits  feed.Limits
	records int64
}

// Entry implements archive.Visitor.
func (n *counter) Entry(e archive.Entry, r io.Reader) error {
	result, err := record.Split(r, n.format, n.limits, none{})
	if err != nil {
		return fmt.Errorf("entry %d %q: %w", e.Index, e.Path, err)
	}
	n.records += result.Records + result.Rejected
	return nil
}

// Damaged implements archive.Visitor.
func (n *counter) Damaged(*archive.Damage) error {
	n.records++
	return nil
}

// none takes records and keeps nothing.
type none struct{}

// Record implements record.Sink.
func (none) Record(int64, []byte) error { return nil }

// Reject implements record.Sink.
func (none) Reject(record.Rejection) error { return nil }
