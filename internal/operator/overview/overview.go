// Package overview determines the state of feeds, and lists their uploads and
// quarantined records. It reads what is cheap to read: the ledger's index, the
// attributes of the queues, the outputs of the stacks; no records.
package overview

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/store/ledger"
)

// State is the state of a feed.
type State string

// The states of a feed: the first one that applies.
const (
	// Failing: events are in the failure queue.
	Failing State = "failing"
	// Waiting: uploads are not done or events are queued, and there was no progress
	// for StillAfter.
	Waiting State = "waiting"
	// Rejecting: an upload was rejected since Collector.Since, see Rejected.
	Rejecting State = "rejecting"
	// Working: uploads are not done, and a function has made progress with one of
	// them within StillAfter, or is processing an event.
	Working State = "working"
	// Idle: every upload is done.
	Idle State = "idle"
	// Unknown: the state could not be read; Error has the reason.
	Unknown State = "unknown"
)

// StillAfter is the longest time without visible progress while a function is
// working: the maximum duration of an invocation, and a minute for its retry.
const StillAfter = 16 * time.Minute

// MaxUploads is how many uploads of a feed are counted by default: those with the newest
// source objects.
const MaxUploads = 10_000

// maxFeeds is the number of feeds that are read concurrently.
const maxFeeds = 8

// Feed is the state of one feed.
type Feed struct {
	Feed  string `json:"feed"`
	Stack string `json:"stack"`
	State State  `json:"state"`
	// Last is the upload with the newest source object; nil for a feed without uploads.
	Last *Last `json:"last_upload"`
	// Uploads is the number of uploads, Waiting of those that are not done. MoreUploads
	// means that there are more than Collector.Newest: all counts are of the newest ones only.
	Uploads     int64 `json:"uploads"`
	MoreUploads bool  `json:"more_uploads,omitempty"`
	Waiting     int64 `json:"waiting"`
	// Rejected and Partial are the numbers of uploads in these states that were loaded
	// since Collector.Since.
	Rejected int64 `json:"rejected_uploads"`
	Partial  int64 `json:"partial_uploads"`
	// Queued is the number of parts that wait for load or are being loaded, up to 1,000.
	Queued int64 `json:"queued"`
	// Failed is the number of events in the failure queue, and of parts that load has
	// set aside.
	Failed int64 `json:"failed"`
	// Records, Stored, Quarantined and Filtered count the records of the uploads.
	Records     int64 `json:"records"`
	Stored      int64 `json:"stored"`
	Quarantined int64 `json:"quarantined"`
	Filtered    int64 `json:"filtered,omitempty"`
	// InApp reports whether the CDK app still has the feed's stack; nil if that is not
	// known. The caller sets it, from operator.InApp.
	InApp *bool `json:"in_app,omitempty"`
	// Error is why the state could not be read.
	Error string `json:"error,omitempty"`
}

// Last is a summary of an upload.
type Last struct {
	Upload string      `json:"upload"`
	Key    string      `json:"key"`
	State  UploadState `json:"state"`
	Time   time.Time   `json:"time"`
}

// Queues is the part of the SQS client that the package uses.
type Queues interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Collector reads the state of feeds.
type Collector struct {
	// Ledgers is the part of the DynamoDB client that a ledger uses.
	Ledgers ledger.API
	Queues  Queues
	Now     func() time.Time
	// Since excludes uploads that were loaded earlier from Feed.Rejected and
	// Feed.Partial; zero excludes none.
	Since time.Time
	// Newest is how many uploads of a feed are counted; 0 for MaxUploads.
	Newest int
	// Visit, if not nil, is called with every upload of every feed that is counted, newest source object
	// first. The uploads of one feed are visited by one goroutine, those of several feeds
	// concurrently.
	Visit func(operator.Feed, ledger.Upload)
}

// All reads the state of feeds, several at a time, in their order. A feed that cannot
// be read is Unknown in the result, and its error is part of the returned error.
func (c *Collector) All(ctx context.Context, feeds []operator.Feed) ([]Feed, error) {
	all := make([]Feed, len(feeds))
	errs := make([]error, len(feeds))
	var group errgroup.Group
	group.SetLimit(maxFeeds)
	for i, f := range feeds {
		group.Go(func() error {
			all[i], errs[i] = c.Feed(ctx, f)
			if errs[i] != nil {
				all[i].State, all[i].Error = Unknown, errs[i].Error()
			}
			return nil
		})
	}
	// No goroutine returns an error: they are in errs.
	_ = group.Wait()
	return all, errors.Join(errs...)
}

// Feed reads the state of one feed.
func (c *Collector) Feed(ctx context.Context, f operator.Feed) (Feed, error) {
	o := Feed{Feed: f.Name, Stack: f.Stack}
	table := f.Output("Table")
	if table == "" {
		return o, fmt.Errorf("feed %q: stack %s has no output %sTable: deploy it again with this version", f.Name, f.Stack, f.ID)
	}
	uploads := ledger.New(c.Ledgers, table)
	var unfinished []ledger.Upload
	newest := cmp.Or(c.Newest, MaxUploads)
	err := uploads.List(ctx, ledger.Listing{Feed: f.Name, Limit: newest + 1}, func(u ledger.Upload) bool {
		if o.Uploads == int64(newest) {
			o.MoreUploads = true
			return false
		}
		if o.Last == nil {
			o.Last = &Last{Upload: u.ID, Key: u.Key, State: StateOf(u), Time: u.Time}
		}
		if c.Visit != nil {
			c.Visit(f, u)
		}
		o.Uploads++
		o.Records += u.Records
		o.Stored += u.Stored
		o.Quarantined += u.Quarantined()
		o.Filtered += u.Filtered
		if !u.LoadedAt.Before(c.Since) {
			switch StateOf(u) {
			case Rejected:
				o.Rejected++
			case Partial:
				o.Partial++
			}
		}
		if !u.State.Done() {
			o.Waiting++
			if len(unfinished) < maxUnfinished {
				unfinished = append(unfinished, u)
			}
		}
		return true
	})
	if err != nil {
		return o, err
	}
	failed, failedInFlight, err := c.depth(ctx, f, "FailureQueueUrl")
	if err != nil {
		return o, err
	}
	o.Failed = failed + failedInFlight
	waiting, setAside, err := uploads.ListWork(ctx, f.Name, maxQueued)
	if err != nil {
		return o, err
	}
	small, err := uploads.AllWaiting(ctx, f.Name, maxQueued)
	if err != nil {
		return o, err
	}
	for _, shard := range small {
		o.Waiting += int64(shard.Objects)
	}
	o.Queued, o.Failed = int64(len(waiting)), o.Failed+int64(len(setAside))
	o.State, err = c.state(ctx, uploads, o, unfinished, waiting, small)
	if o.Rejected > 0 && (o.State == Idle || o.State == Working) {
		o.State = Rejecting
	}
	return o, err
}

// maxQueued bounds the parts that are counted.
const maxQueued = 1000

// maxUnfinished is the number of unfinished uploads whose parts are checked for
// progress.
const maxUnfinished = 5

func (c *Collector) state(ctx context.Context, uploads *ledger.Ledger, o Feed, unfinished []ledger.Upload, waiting []ledger.Work, small []ledger.ShardWaiting) (State, error) {
	switch {
	case o.Failed > 0:
		return Failing, nil
	case o.Waiting == 0 && o.Queued == 0:
		return Idle, nil
	case slices.ContainsFunc(waiting, func(w ledger.Work) bool { return w.Loading }):
		return Working, nil
	case slices.ContainsFunc(small, func(s ledger.ShardWaiting) bool { return s.Active }):
		return Working, nil
	}
	since := c.Now().Add(-StillAfter)
	for _, u := range unfinished {
		progress := u.StartedAt.After(since) || u.UnpackedAt.After(since)
		if !progress {
			err := uploads.PartsOf(ctx, u, func(p ledger.Part) bool {
				progress = p.LandedAt.After(since) || p.LoadedAt.After(since)
				return !progress
			})
			if err != nil {
				return Unknown, err
			}
		}
		if progress {
			return Working, nil
		}
	}
	return Waiting, nil
}

// depth returns the number of visible and delayed messages of a queue, and of those in
// flight. Both are 0 for a feed without the queue.
func (c *Collector) depth(ctx context.Context, f operator.Feed, output string) (visible, inFlight int64, err error) {
	url := f.Output(output)
	if url == "" {
		return 0, 0, nil
	}
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	out, err := c.Queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(url), AttributeNames: names})
	if err != nil {
		return 0, 0, fmt.Errorf("feed %q: attributes of queue %s: %w", f.Name, url, err)
	}
	counts := make([]int64, len(names))
	for i, name := range names {
		text, ok := out.Attributes[string(name)]
		if !ok {
			continue
		}
		if counts[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("feed %q: queue %s: %s is %q", f.Name, url, name, text)
		}
	}
	return counts[0] + counts[2], counts[1], nil
}
