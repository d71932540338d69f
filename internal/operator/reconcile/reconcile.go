// Package reconcile compares the ledger of a feed with the records in its files, the
// items in the table and the rows in Snowflake, and reports each difference with the
// command that fixes it. It changes nothing.
package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// DynamoDB is the part of the DynamoDB client that the package uses.
type DynamoDB interface {
	dynamodb.QueryAPIClient
	ledger.BatchAPI
}

// S3 is the part of the S3 client that the package uses.
type S3 interface {
	s3source.API
	quarantine.ListAPI
}

// Reconcile is a comparison of a feed.
type Reconcile struct {
	Feed string
	// FeedArgument names the feed in the printed commands (default Feed), Flags are
	// appended to them.
	FeedArgument  string
	Flags         []string
	Spec          feed.Spec
	Ledger        *ledger.Ledger
	DynamoDB      DynamoDB
	Table         string
	S3            S3
	LandingBucket string
	// Source opens the source object of an upload, for Deep.
	Source func(context.Context, ledger.Upload) (*s3source.Object, error)
	// Sources are listed for objects that are not in the ledger.
	Sources []Source
	// Failures are the events of the failure queue.
	Failures []Failure
	// Snowflake queries the rows; nil to leave them out.
	Snowflake *Snowflake

	// Upload selects one upload; nil for all. Since selects uploads that started, and
	// objects that were put, at that time or later.
	Upload *ledger.Upload
	Since  time.Time
	// RejectedSince selects the rejected uploads that are reported: those that were
	// loaded at that time or later.
	RejectedSince time.Time
	// Deep counts the records of the files again.
	Deep bool
	// GracePeriod is how long the processing of an object, an upload or a part may
	// take before it is a difference.
	GracePeriod time.Duration
	// Total is called with the number of uploads, then Step after each of them, from
	// several goroutines. Both may be nil.
	Total func(uploads int)
	Step  func()

	now func() time.Time
}

// DefaultGracePeriod is longer than a notification takes to arrive, an invocation with
// its two retries to end, and Snowpipe to load.
const DefaultGracePeriod = time.Hour

// Kind is the kind of a difference.
type Kind string

// The kinds of differences, with the verb that fixes them.
const (
	Failed      Kind = "failed"      // a function failed, its event is in the failure queue: replay
	NoEvent     Kind = "no_event"    // an object is not in the ledger: backfill
	Stuck       Kind = "stuck"       // an upload is not unpacked, without progress: replay
	NotLoaded   Kind = "not_loaded"  // a part is not loaded: replay
	Missing     Kind = "missing"     // the table lacks items: replay of the part
	Extra       Kind = "extra"       // the table has items that the ledger does not count
	Unbalanced  Kind = "unbalanced"  // the counts of the ledger are inconsistent
	FileDiffer  Kind = "file"        // the file has a different number of records
	Rejected    Kind = "rejected"    // no record of the file could be stored: quarantine shows why
	NoRows      Kind = "rows"        // Snowflake has too few or too many rows
	Unread      Kind = "not_checked" // something could not be compared: no difference
	Unconverted Kind = "unconverted" // the view has NULL for values that a type cannot hold: no difference
	Waiting     Kind = "waiting"     // processing has not ended: no difference
)

// Finding is a difference, or something that waits or could not be compared.
type Finding struct {
	Kind   Kind   `json:"kind"`
	Upload string `json:"upload,omitempty"`
	Source string `json:"source,omitempty"`
	Part   string `json:"part,omitempty"`
	Count  int64  `json:"count"`
	// Ordinals are the first of the records that are missing.
	Ordinals []int64 `json:"ordinals,omitempty"`
	Detail   string  `json:"detail"`
	// Remedy is the command that fixes it; empty if no command does.
	Remedy string `json:"remedy,omitempty"`
}

// Difference reports whether the finding is a difference.
func (f Finding) Difference() bool {
	return f.Kind != Waiting && f.Kind != Unread && f.Kind != Unconverted
}

// Upload is the comparison of one upload. Counts that were not made are nil.
type Upload struct {
	ID          string               `json:"upload"`
	Source      string               `json:"source"`
	State       overview.UploadState `json:"state"`
	Records     int64                `json:"records"`
	Stored      int64                `json:"stored"`
	Quarantined int64                `json:"quarantined"`
	// Filtered is how many records the feed's shape has left out.
	Filtered    int64  `json:"filtered,omitempty"`
	InFile      *int64 `json:"in_file,omitempty"`
	InTable     *int64 `json:"in_table,omitempty"`
	InSnowflake *int64 `json:"in_snowflake,omitempty"`
	// Expired is how many of the stored records may be deleted because they have expired.
	Expired int64 `json:"expired,omitempty"`
	// Waiting is true if its processing has not ended.
	Waiting bool `json:"waiting,omitempty"`
	Differs bool `json:"differs"`
}

// Result is the result of a comparison.
type Result struct {
	Feed     string    `json:"feed"`
	Uploads  []Upload  `json:"uploads"`
	Findings []Finding `json:"findings"`
	// Objects is the number of source objects that were looked up in the ledger.
	Objects int64 `json:"objects"`
	// Ignored are objects of the buckets that no source of the feed accepts.
	Ignored []Ignored `json:"ignored,omitempty"`
}

// Ignored counts objects that are not processed, because their keys have neither prefix
// nor suffix of a source.
type Ignored struct {
	Bucket string `json:"bucket"`
	Count  int64  `json:"count"`
	// Example is the key of one of them.
	Example string `json:"example"`
}

// Differences counts the findings that are differences.
func (r Result) Differences() int {
	n := 0
	for _, f := range r.Findings {
		if f.Difference() {
			n++
		}
	}
	return n
}

// Do compares. A difference is not an error.
func (r *Reconcile) Do(ctx context.Context) (Result, error) {
	if r.now == nil {
		r.now = time.Now
	}
	result := Result{Feed: r.Feed, Uploads: []Upload{}, Findings: []Finding{}}
	uploads, err := r.uploads(ctx)
	if err != nil {
		return result, err
	}
	rows, err := r.countRows(ctx, uploads)
	if err != nil {
		return result, err
	}
	if r.Total != nil {
		r.Total(len(uploads))
	}
	if err := r.compare(ctx, uploads, rows, &result); err != nil {
		return result, err
	}
	if r.Upload == nil {
		if err := r.objects(ctx, &result); err != nil {
			return result, err
		}
	}
	r.failed(&result)
	return result, nil
}

// maxUploads is the number of uploads that are compared concurrently.
const maxUploads = 8

// compare compares the uploads and adds the results in their order.
func (r *Reconcile) compare(ctx context.Context, uploads []ledger.Upload, rows *rowCounts, result *Result) error {
	checks := make([]*check, len(uploads))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxUploads)
	for i, u := range uploads {
		if ctx.Err() != nil {
			break
		}
		c := &check{Reconcile: r, ctx: ctx, u: u, rows: rows}
		checks[i] = c
		g.Go(func() error {
			if err := c.all(); err != nil {
				return fmt.Errorf("upload %s: %w", c.u.ID, err)
			}
			if r.Step != nil {
				r.Step()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, c := range checks {
		if c == nil {
			return context.Cause(ctx)
		}
		result.Uploads = append(result.Uploads, c.result)
		result.Findings = append(result.Findings, c.findings...)
	}
	return nil
}

func (r *Reconcile) uploads(ctx context.Context) ([]ledger.Upload, error) {
	if r.Upload != nil {
		u, ok, err := r.Ledger.GetUpload(ctx, r.Feed, r.Upload.ID)
		if err == nil && !ok {
			err = fmt.Errorf("the ledger of feed %q has no upload %s", r.Feed, r.Upload.ID)
		}
		return []ledger.Upload{u}, err
	}
	var uploads []ledger.Upload
	err := r.Ledger.Uploads(ctx, r.Feed, func(u ledger.Upload) bool {
		if !u.StartedAt.Before(r.Since) {
			uploads = append(uploads, u)
		}
		return true
	})
	return uploads, err
}
