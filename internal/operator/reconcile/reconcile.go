// Package reconcile compares what the ledger says of a feed's uploads with what
// is there: the records in the files, the items in the table, the rows in
// Snowflake. It changes nothing.
package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// DynamoDB is what the package needs of a DynamoDB client.
type DynamoDB interface {
	dynamodb.QueryAPIClient
	ledger.BatchAPI
}

// S3 is what the package needs of an S3 client.
type S3 interface {
	s3source.API
	quarantine.ListAPI
}

// Reconcile is a feed, and which of its uploads to look at.
type Reconcile struct {
	Feed string
	// Called is what commands that mend are to call the feed, Flags what they are
	// to have at their end. Empty: Feed, and nothing.
	Called        string
	Flags         []string
	Spec          feed.Spec
	Ledger        *ledger.Ledger
	DynamoDB      DynamoDB
	Table         string
	S3            S3
	LandingBucket string
	// Source opens the source object of an upload, for Deep.
	Source func(context.Context, ledger.Upload) (*s3source.Object, error)
	// Sources are listed for objects that the ledger does not know; none: that is
	// left out.
	Sources []Source
	// Snowflake has the rows; nil: they are left out.
	Snowflake *Snowflake

	// Upload limits the work to one upload, nil: all; Since to those that began,
	// and objects that were put, from that time on.
	Upload *ledger.Upload
	Since  time.Time
	// Deep recounts the records of the files.
	Deep bool
	// Patience is how long an object, an upload or a part may be under way before
	// it is missed.
	Patience time.Duration
	// Total is called with the number of uploads once that is known, Step after
	// each of them, by several goroutines. Both may be nil.
	Total func(uploads int)
	Step  func()

	now func() time.Time
}

// DefaultPatience is longer than an event takes to arrive, an invocation to end
// and be repeated twice, and Snowpipe to load.
const DefaultPatience = time.Hour

// Kind says what differs.
type Kind string

// The kinds of differences, with what mends them.
const (
	NoEvent    Kind = "no_event"    // an object that the ledger does not know: backfill
	Stuck      Kind = "stuck"       // an upload that is not done, and nobody is at work on: replay
	NotLoaded  Kind = "not_loaded"  // a part that was landed and not loaded: replay
	Missing    Kind = "missing"     // items that the table has not: replay of the part
	Extra      Kind = "extra"       // items that the ledger does not count
	Unbalanced Kind = "unbalanced"  // the ledger's counts do not add up
	FileDiffer Kind = "file"        // the file has other records than the ledger says
	NoRows     Kind = "rows"        // rows that Snowflake has not, or has too many of
	Unread     Kind = "not_checked" // something could not be compared: no difference
	Waiting    Kind = "waiting"     // under way: no difference
)

// Finding is something that differs, or waits.
type Finding struct {
	Kind   Kind   `json:"kind"`
	Upload string `json:"upload,omitempty"`
	Source string `json:"source,omitempty"`
	Part   string `json:"part,omitempty"`
	Count  int64  `json:"count"`
	// Ordinals are the first of the records that are missing.
	Ordinals []int64 `json:"ordinals,omitempty"`
	Detail   string  `json:"detail"`
	// Mend is the command that mends it; empty where no command can.
	Mend string `json:"mend,omitempty"`
}

// Difference reports whether the finding is a difference.
func (f Finding) Difference() bool { return f.Kind != Waiting && f.Kind != Unread }

// Upload is what was counted of one upload. Counts that were not made are nil.
type Upload struct {
	ID          string       `json:"upload"`
	Source      string       `json:"source"`
	State       ledger.State `json:"state"`
	Records     int64        `json:"records"`
	Stored      int64        `json:"stored"`
	Quarantined int64        `json:"quarantined"`
	InFile      *int64       `json:"in_file,omitempty"`
	InTable     *int64       `json:"in_table,omitempty"`
	InSnowflake *int64       `json:"in_snowflake,omitempty"`
	// Waiting says that something of it is still under way.
	Waiting bool `json:"waiting,omitempty"`
	Differs bool `json:"differs"`
}

// Result is what was found.
type Result struct {
	Feed     string    `json:"feed"`
	Uploads  []Upload  `json:"uploads"`
	Findings []Finding `json:"findings"`
	// Objects is how many source objects were compared with the ledger.
	Objects int64 `json:"objects"`
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

// Do compares. An error means that it could not be done.
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
		if err := r.unknown(ctx, &result); err != nil {
			return result, err
		}
	}
	return result, nil
}

// atOnce is how many uploads are looked at side by side: most of the time is
// spent waiting for answers.
const atOnce = 8

// compare looks at the uploads, and tells of them in their order.
func (r *Reconcile) compare(ctx context.Context, uploads []ledger.Upload, rows *counted, result *Result) error {
	checks := make([]*check, len(uploads))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
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
		result.Uploads = append(result.Uploads, c.told)
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
