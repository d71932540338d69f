package awsaccess

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Event is a notification of a created or deleted object.
type Event struct {
	// Removed is set if the object was deleted, and not if it was created or replaced.
	Removed     bool
	Bucket, Key string // the key is decoded
	Size        int64
	ETag        string
	VersionID   string
	// Sequencer orders the events of one key, when compared as hexadecimal numbers.
	Sequencer string
	Time      time.Time
}

// parseEvents reads an event notification of S3 or an event of EventBridge from an SNS
// message. Test events and events of other types are ignored.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
func parseEvents(body string) ([]Event, error) {
	var envelope struct{ Type, Message string }
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	if envelope.Type != "Notification" {
		return nil, fmt.Errorf("message: the Type is %q, not Notification", envelope.Type)
	}
	var notification struct {
		eventBridgeEvent
		Event   string
		Records []struct {
			EventName string    `json:"eventName"`
			EventTime time.Time `json:"eventTime"`
			S3        struct {
				Bucket struct {
					Name string `json:"name"`
				} `json:"bucket"`
				Object struct {
					Key       string `json:"key"`
					Size      int64  `json:"size"`
					ETag      string `json:"eTag"`
					VersionID string `json:"versionId"`
					Sequencer string `json:"sequencer"`
				} `json:"object"`
			} `json:"s3"`
		}
	}
	if err := json.Unmarshal([]byte(envelope.Message), &notification); err != nil {
		return nil, fmt.Errorf("notification: %w", err)
	}
	if notification.Source == "aws.s3" {
		return notification.events()
	}
	if notification.Records == nil && notification.Event != "s3:TestEvent" {
		return nil, errors.New("notification: no Records")
	}
	var events []Event
	for i, r := range notification.Records {
		removed := strings.HasPrefix(r.EventName, "ObjectRemoved:")
		if !removed && !strings.HasPrefix(r.EventName, "ObjectCreated:") {
			continue
		}
		key, err := url.QueryUnescape(r.S3.Object.Key)
		if err != nil || key == "" || r.S3.Bucket.Name == "" {
			return nil, fmt.Errorf("notification, record %d: bucket %q, key %q: %w", i, r.S3.Bucket.Name, r.S3.Object.Key, errors.Join(err, errors.New("not an object")))
		}
		o := r.S3.Object
		events = append(events, Event{
			Removed: removed, Bucket: r.S3.Bucket.Name, Key: key, Size: o.Size,
			ETag: o.ETag, VersionID: o.VersionID, Sequencer: o.Sequencer, Time: r.EventTime,
		})
	}
	return events, nil
}

// eventBridgeEvent is an event that a rule of EventBridge sends. Its keys are not
// URL-encoded.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
type eventBridgeEvent struct {
	Source     string    `json:"source"`
	DetailType string    `json:"detail-type"`
	Time       time.Time `json:"time"`
	Detail     struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"`
			Size      int64  `json:"size"`
			ETag      string `json:"etag"`
			VersionID string `json:"version-id"`
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	} `json:"detail"`
}

func (e eventBridgeEvent) events() ([]Event, error) {
	removed := e.DetailType == "Object Deleted"
	if !removed && e.DetailType != "Object Created" {
		return nil, nil
	}
	o := e.Detail.Object
	if o.Key == "" || e.Detail.Bucket.Name == "" {
		return nil, fmt.Errorf("EventBridge event: bucket %q, key %q: not an object", e.Detail.Bucket.Name, o.Key)
	}
	return []Event{{
		Removed: removed, Bucket: e.Detail.Bucket.Name, Key: o.Key, Size: o.Size,
		ETag: o.ETag, VersionID: o.VersionID, Sequencer: o.Sequencer, Time: e.Time,
	}}, nil
}
