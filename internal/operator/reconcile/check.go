package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/files/archive"
	"example.com/ingestion/internal/files/record"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
)

// check is the comparison of one upload.
type check struct {
	*Reconcile
	ctx      context.Context
	u        ledger.Upload
	rows     *rowCounts
	result   Upload
	findings []Finding
	deleted  []string // parts that are not in the landing bucket
	gone     int64    // stored records that DynamoDB has deleted, because they have expired
}

func (c *check) add(f Finding) {
	f.Upload, f.Source = c.u.ID, c.u.Source()
	c.findings = append(c.findings, f)
	c.result.Differs = c.result.Differs || f.Difference()
	c.result.Waiting = c.result.Waiting || f.Kind == Waiting
}

// remedy is a command for the upload.
func (c *check) remedy(verb, flags string) string {
	return c.command(verb, "--upload "+c.u.ID+flags)
}

func (c *check) all() error {
	u := c.u
	c.result = Upload{
		ID: u.ID, Source: u.Source(), State: overview.StateOf(u), Records: u.Records, Stored: u.Stored, Quarantined: u.Quarantined(), Filtered: u.Filtered,
	}
	if u.State == ledger.Missing {
		return nil // the object was deleted before it was read: there is nothing to compare
	}
	if u.State == ledger.Unpacking {
		c.late(Stuck, u.StartedAt, Finding{Detail: "unpack has started and not finished", Remedy: c.remedy("replay", "")})
	}
	parts, err := c.parts()
	if err != nil {
		return err
	}
	if u.State == ledger.Loaded && !u.Balanced() {
		c.add(Finding{Kind: Unbalanced, Count: u.Records - u.Stored - u.Quarantined() - u.Filtered, Detail: fmt.Sprintf(
			"the file has %d records, but %d are stored, %d quarantined and %d filtered", u.Records, u.Stored, u.Quarantined(), u.Filtered)})
	}
	if overview.StateOf(u) == overview.Rejected && !u.LoadedAt.Before(c.RejectedSince) {
		reasons := strings.Join(slices.Sorted(maps.Keys(u.Reasons)), ", ")
		c.add(Finding{
			Kind: Rejected, Count: u.Quarantined(), Detail: "no record of the file could be stored: " + reasons, Remedy: c.remedy("quarantine", ""),
		})
	}
	if !c.Spec.NoTable {
		if err := c.table(parts); err != nil {
			return err
		}
	}
	if c.Deep {
		if err := c.file(); err != nil {
			return err
		}
	}
	return c.snowflake(parts)
}

// late adds a finding about processing that started at a time: a difference after the
// grace period.
func (c *check) late(kind Kind, since time.Time, f Finding) {
	f.Kind = kind
	if age := c.now().Sub(since); age < c.GracePeriod {
		f.Kind, f.Remedy = Waiting, ""
	} else {
		f.Detail += fmt.Sprintf(", since %s", age.Round(time.Second))
	}
	c.add(f)
}

// parts returns the parts of the upload, and reports those that are not loaded.
func (c *check) parts() ([]ledger.Part, error) {
	var parts []ledger.Part
	err := c.Ledger.PartsOf(c.ctx, c.u, func(p ledger.Part) bool {
		parts = append(parts, p)
		return true
	})
	for _, p := range parts {
		if !p.State.Done() {
			c.late(NotLoaded, p.LandedAt, Finding{Part: p.Name, Count: p.Records - p.Lines, Detail: "the part is in the landing bucket and not loaded", Remedy: c.remedy("replay", "")})
		}
	}
	return parts, err
}

// file counts the records of the source object again.
func (c *check) file() error {
	if c.u.State == ledger.Unpacking {
		return nil
	}
	source, err := c.Source(c.ctx, c.u)
	if err == nil {
		c.result.InFile, err = c.recount(source, c.Spec.Format)
	}
	if err == nil && *c.result.InFile != c.u.Records && len(c.Spec.Format.Columns) > 0 {
		// The feed may have had other columns when the file was unpacked.
		format := c.Spec.Format
		format.Columns = nil
		var n *int64
		if n, err = c.recount(source, format); err == nil && *n == c.u.Records {
			c.result.InFile = n
		}
	}
	if errors.Is(err, s3source.ErrNotFound) {
		c.add(Finding{Kind: Unread, Detail: "the file was deleted, so its records cannot be counted again"})
		return nil
	}
	if err != nil {
		return err
	}
	if n := *c.result.InFile; n != c.u.Records {
		c.add(Finding{
			Kind: FileDiffer, Count: n - c.u.Records,
			Detail: fmt.Sprintf("the file has %d records with the current format of the feed, the ledger %d: has the format or a limit changed?", n, c.u.Records),
		})
	}
	return nil
}

// recount counts the records of a file as unpack does.
func (c *check) recount(source *s3source.Object, format feed.Format) (*int64, error) {
	n := &counter{format: format, limits: c.Spec.Limits, most: c.Spec.Limits.Records(c.u.Size)}
	if err := archive.Walk(c.ctx, c.u.Key, source, c.Spec.Limits, n); err != nil {
		return nil, err
	}
	return &n.records, nil
}

// counter counts records as unpack does.
type counter struct {
	format  feed.Format
	limits  feed.Limits
	most    int64 // records of the object
	records int64
}

// Entry implements archive.Visitor.
func (n *counter) Entry(e archive.Entry, r io.Reader) error {
	result, err := record.Split(r, n.format, n.limits, discard{n.most - n.records, n.most})
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

// discard is a record.Sink that keeps nothing, and takes as many records of an entry as
// the limit of the object leaves.
type discard struct{ left, limit int64 }

// Record implements record.Sink.
func (d discard) Record(ordinal int64, _ []byte) error {
	if ordinal >= d.left {
		return record.LimitRecords(d.limit)
	}
	return nil
}

// Reject implements record.Sink.
func (discard) Reject(record.Rejection) error { return nil }
