package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/replay"
	"example.com/ingestion/internal/store/ledger"
)

// maxRead is the number of events of the failure queue that are read to list some.
const maxRead = 1000

// queuedEvents returns the events of an upload in the failure queue, and its parts that
// load has set aside; those of all for nil: about so many events as limit, 0 for all. An
// empty queue is not polled, which would take seconds.
func queuedEvents(ctx context.Context, d *operator.Deployment, u *ledger.Upload, limit int) ([]replay.Event, error) {
	// Messages that another reader has received are visible again soon.
	counts := []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible}
	out, err := d.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &d.FailureQueueURL, AttributeNames: counts})
	if err != nil {
		return nil, fmt.Errorf("attributes of the failure queue: %w", err)
	}
	r := replay.Replay{Upload: u}
	fillReplay(&r, d)
	events, err := r.PartsSetAside(ctx)
	if err != nil || cmp.Or(out.Attributes[string(counts[0])], "0") == "0" && cmp.Or(out.Attributes[string(counts[1])], "0") == "0" {
		return events, err
	}
	queued, err := r.FailedEvents(ctx, limit)
	return append(events, queued...), err
}

// failedEvents is an error if events of the upload, or without one of any upload, are in
// the failure queue.
func (v *view) failedEvents() error {
	if v.upload != nil && v.upload.State.Done() {
		return nil
	}
	events, err := queuedEvents(v.cmd.Context(), v.feed, v.upload, maxRead)
	if err != nil {
		return err
	}
	return failed(v.feed.Name, events)
}

// notUnpacked is the error for a file without an upload: that of its event in the
// failure queue, if there is one, or else missing.
func (v *view) notUnpacked(name string, missing error) error {
	events, err := queuedEvents(v.cmd.Context(), v.feed, nil, 0)
	if err != nil {
		return errors.Join(missing, err)
	}
	events = slices.DeleteFunc(events, func(e replay.Event) bool {
		return e.Upload != name && !slices.ContainsFunc(e.Objects, func(uri string) bool {
			_, key, _ := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
			return uri == name || strings.HasPrefix(key, name)
		})
	})
	if len(events) == 0 {
		return missing
	}
	return failed(v.feed.Name, events)
}

// maxFailed is the number of failed events that are listed.
const maxFailed = 20

// failed is an error that lists failed events.
func failed(feedName string, events []replay.Event) error {
	if len(events) == 0 {
		return nil
	}
	var lines []string
	for i, e := range events {
		if i == maxFailed {
			lines = append(lines, fmt.Sprintf("and %s more", amount(int64(len(events)-i), "event")))
			break
		}
		concerns := strings.Join(e.Objects, " ")
		if concerns == "" {
			concerns = strings.TrimSpace(e.Upload + " " + e.Part)
		}
		lines = append(lines, fmt.Sprintf("%s: %s has failed on %s: %s", moment(e.Time), e.Target, printable(concerns), printable(cmp.Or(e.Error, "the event does not contain the error"))))
	}
	count := amount(int64(len(events)), "event")
	if len(events) >= maxRead {
		count += " or more"
	}
	return badData("%s\nNot retried any more: %s. After the fix: ingest replay %s", strings.Join(lines, "\n"), count, feedName)
}
