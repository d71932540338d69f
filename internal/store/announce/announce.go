// Package announce announces uploads on the default bus of EventBridge, when their last
// record is in the table or in quarantine.
//
// The ledger announces an upload before it enters it as loaded (ledger.Announcing): an
// invocation that is killed between the two leaves an upload that the next attempt
// announces again. So no event is missing, and one may be sent twice: its ID in the detail
// is the same then.
package announce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/retry"
	"example.com/ingestion/internal/store/ledger"
)

// API is the part of the EventBridge client that the package uses.
type API interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// detail is the detail of an event. Its members are a contract, which docs/feeds.md
// describes.
type detail struct {
	ID          string           `json:"id"`
	Feed        string           `json:"feed"`
	State       ledger.Outcome   `json:"state"`
	Upload      string           `json:"upload"`
	Source      string           `json:"source"`
	Bucket      string           `json:"bucket"`
	Key         string           `json:"key"`
	Version     string           `json:"version"`
	SourceTime  time.Time        `json:"source_time"`
	Bytes       int64            `json:"bytes"`
	Entries     int64            `json:"entries"`
	Records     int64            `json:"records"`
	Stored      int64            `json:"stored"`
	Quarantined int64            `json:"quarantined"`
	Filtered    int64            `json:"filtered"`
	Reasons     map[string]int64 `json:"reasons"`
	Replays     int64            `json:"replays"`
	Table       string           `json:"table"`
}

// detailTypes are the types of events, by the outcome of the upload.
var detailTypes = map[ledger.Outcome]string{
	ledger.AllStored: feed.EventUploadLoaded, ledger.PartlyStored: feed.EventUploadPartlyLoaded, ledger.NoneStored: feed.EventUploadRejected,
}

// policy is for EventBridge's throttling and its internal failures of an entry.
var policy = retry.Policy{First: 100 * time.Millisecond, Max: 2 * time.Second, Attempts: 6}

// To returns a function that announces an upload, which is complete, for a table.
func To(api API, table string) func(context.Context, ledger.Upload) error {
	return func(ctx context.Context, u ledger.Upload) error {
		entry, err := entryOf(u, table)
		if err == nil {
			err = put(ctx, api, entry)
		}
		if err != nil {
			return fmt.Errorf("announce upload %s of feed %s: %w", u.ID, u.Feed, err)
		}
		return nil
	}
}

func entryOf(u ledger.Upload, table string) (types.PutEventsRequestEntry, error) {
	d := detail{
		Feed: u.Feed, State: u.Outcome(), Upload: u.ID, Source: u.Source(), Bucket: u.Bucket, Key: u.Key, Version: u.Version(),
		SourceTime: u.Time.UTC(), Bytes: u.Size, Entries: u.Entries, Records: u.Records, Stored: u.Stored, Quarantined: u.Quarantined(), Filtered: u.Filtered,
		Reasons: u.Reasons, Replays: u.Replays, Table: table,
	}
	if d.Reasons == nil {
		d.Reasons = map[string]int64{}
	}
	// A replay may end in the same state with other counts.
	d.ID = fmt.Sprintf("%s/%s/%d", u.ID, d.State, u.Replays)
	text, err := json.Marshal(d)
	return types.PutEventsRequestEntry{
		Source: aws.String(feed.EventSource), DetailType: aws.String(detailTypes[d.State]), Detail: aws.String(string(text)),
	}, err
}

func put(ctx context.Context, api API, entry types.PutEventsRequestEntry) error {
	wait := policy.Start()
	for {
		out, err := api.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry}})
		if err != nil {
			return err // the client has tried again
		}
		// The request succeeds where an entry failed.
		// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
		failed := slices.IndexFunc(out.Entries, func(e types.PutEventsResultEntry) bool { return e.ErrorCode != nil })
		if out.FailedEntryCount == 0 && failed < 0 {
			return nil
		}
		err = errors.New("EventBridge refused the event")
		if failed >= 0 {
			e := out.Entries[failed]
			err = fmt.Errorf("%w: %s: %s", err, aws.ToString(e.ErrorCode), aws.ToString(e.ErrorMessage))
		}
		if waitErr := wait.Wait(ctx); waitErr != nil {
			return errors.Join(err, waitErr)
		}
	}
}
