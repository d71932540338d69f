// Package overview says how feeds are doing, from what costs little to ask: the
// ledger's index, the depth of their queues, the outputs of their stacks.
package overview

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/store/ledger"
)

// State is how a feed is doing.
type State string

// The states of a feed: the first one that fits.
const (
	// Failing: events wait in the failure queue.
	Failing State = "failing"
	// Working: uploads are not done, and a function has come further with one
	// within the last StillAfter, or an event is in its hands.
	Working State = "working"
	// Waiting: uploads are not done or events wait in a queue, and nothing has
	// moved for longer than that.
	Waiting State = "waiting"
	// Idle: every upload is done.
	Idle State = "idle"
	// Unknown: the feed could not be looked at; its Error says why.
	Unknown State = "unknown"
)

// StillAfter is how long a working function may be silent: the longest that
// Lambda lets one run, and a minute for its retry.
const StillAfter = 16 * time.Minute

// looks bounds the feeds that are looked at side by side.
const looks = 8

// Feed is one feed at a glance.
type Feed struct {
	Feed  string `json:"feed"`
	Stack string `json:"stack"`
	State State  `json:"state"`
	// Last is the upload whose source object is the newest; nil for a feed that never had one.
	Last *Last `json:"last_upload"`
	// Uploads is how many there are, Waiting how many of them are not done.
	Uploads int64 `json:"uploads"`
	Waiting int64 `json:"waiting"`
	// Queued is how many events and parts wait before the functions, for a feed with queues.
	Queued int64 `json:"queued"`
	// Failed is how many events are in the failure queue.
	Failed int64 `json:"failed"`
	// Records, Stored and Quarantined count the records of all uploads.
	Records     int64 `json:"records"`
	Stored      int64 `json:"stored"`
	Quarantined int64 `json:"quarantined"`
	// Error says what could not be read.
	Error string `json:"error,omitempty"`
}

// Last tells of an upload in a few words.
type Last struct {
	Upload string       `json:"upload"`
	Key    string       `json:"key"`
	State  ledger.State `json:"state"`
	Time   time.Time    `json:"time"`
}

// Queues is what the package needs of an SQS client.
type Queues interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Looker looks at feeds.
type Looker struct {
	// Ledgers is what it needs of a DynamoDB client.
	Ledgers ledger.API
	Queues  Queues
	Now     func() time.Time
}

// All looks at the feeds, several at a time. A feed that cannot be looked at is
// in the result as Unknown, and in the error.
func (l *Looker) All(ctx context.Context, feeds []operator.Feed) ([]Feed, error) {
	all := make([]Feed, len(feeds))
	errs := make([]error, len(feeds))
	var group errgroup.Group
	group.SetLimit(looks)
	for i, f := range feeds {
		group.Go(func() error {
			all[i], errs[i] = l.Feed(ctx, f)
			if errs[i] != nil {
				all[i].State, all[i].Error = Unknown, errs[i].Error()
			}
			return nil
		})
	}
	// No member fails: the errors are in errs.
	_ = group.Wait()
	return all, errors.Join(errs...)
}

// Feed looks at one feed.
func (l *Looker) Feed(ctx context.Context, f operator.Feed) (Feed, error) {
	o := Feed{Feed: f.Name, Stack: f.Stack}
	table := f.Output("Table")
	if table == "" {
		return o, fmt.Errorf("feed %q: stack %s has no output %sTable: deploy it again with this version", f.Name, f.Stack, f.ID)
	}
	book := ledger.New(l.Ledgers, table)
	var open []ledger.Upload
	err := book.Uploads(ctx, f.Name, func(u ledger.Upload) bool {
		if o.Last == nil {
			o.Last = &Last{Upload: u.ID, Key: u.Key, State: u.State, Time: u.Time}
		}
		o.Uploads++
		o.Records += u.Records
		o.Stored += u.Stored
		o.Quarantined += u.Quarantined()
		if !u.State.Done() {
			o.Waiting++
			if len(open) < openLooks {
				open = append(open, u)
			}
		}
		return true
	})
	if err != nil {
		return o, err
	}
	failed, failedBusy, err := l.depth(ctx, f, "FailureQueueUrl")
	if err != nil {
		return o, err
	}
	o.Failed = failed + failedBusy
	var busy int64
	for _, queue := range []string{"UnpackQueueUrl", "LoadQueueUrl"} {
		waiting, inHand, err := l.depth(ctx, f, queue)
		if err != nil {
			return o, err
		}
		o.Queued += waiting + inHand
		busy += inHand
	}
	o.State, err = l.state(ctx, book, o, open, busy)
	return o, err
}

// openLooks bounds the unfinished uploads whose parts are looked at.
const openLooks = 5

func (l *Looker) state(ctx context.Context, book *ledger.Ledger, o Feed, open []ledger.Upload, busy int64) (State, error) {
	switch {
	case o.Failed > 0:
		return Failing, nil
	case o.Waiting == 0 && o.Queued == 0:
		return Idle, nil
	case busy > 0:
		return Working, nil
	}
	since := l.Now().Add(-StillAfter)
	for _, u := range open {
		moved := u.StartedAt.After(since) || u.UnpackedAt.After(since)
		if !moved {
			err := book.Parts(ctx, u.Feed, u.ID, func(p ledger.Part) bool {
				moved = p.LandedAt.After(since) || p.LoadedAt.After(since)
				return !moved
			})
			if err != nil {
				return Unknown, err
			}
		}
		if moved {
			return Working, nil
		}
	}
	return Waiting, nil
}

// depth is how many messages of a queue wait, and how many are in somebody's
// hands. A feed without the queue has none.
func (l *Looker) depth(ctx context.Context, f operator.Feed, output string) (waiting, inHand int64, err error) {
	url := f.Output(output)
	if url == "" {
		return 0, 0, nil
	}
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	out, err := l.Queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(url), AttributeNames: names})
	if err != nil {
		return 0, 0, fmt.Errorf("feed %q: depth of queue %s: %w", f.Name, url, err)
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
