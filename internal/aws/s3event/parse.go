// Package s3event reads S3 event notifications of new objects in every form in which
// they reach a function (Parse), and writes S3's own form (Notification).
//
// It has structs of its own instead of those of aws-lambda-go/events: the records of
// one payload may be S3's, SNS's or SQS's; a key that is not URL-encoded must not make
// the other records unreadable, as it does with events.S3Object; and events.S3Event
// rejects an eventTime without a zone, which S3-compatible stores send.
package s3event

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Object is a source object as an event names it. VersionID and ETag may be empty:
// not every form has them.
type Object struct {
	Bucket    string
	Key       string // decoded
	VersionID string // empty also in a bucket without versioning
	ETag      string // without quotes
	Size      int64  // in bytes
}

// ErrUnknownForm means that a payload has none of the forms that Parse reads. It is
// not transient: after Lambda's retries the payload is in the failure queue.
var ErrUnknownForm = errors.New("not an S3 event")

type s3Object struct {
	Key       string `json:"key"`
	Size      int64  `json:"size"`
	ETag      string `json:"eTag"`
	VersionID string `json:"versionId"`
}

type message struct {
	// A notification of S3, or messages of SNS or SQS with one inside.
	Records []struct {
		EventName string `json:"eventName"`
		S3        *struct {
			Bucket struct {
				Name string `json:"name"`
			} `json:"bucket"`
			Object s3Object `json:"object"`
		} `json:"s3"`
		SNS *struct {
			Message string `json:"Message"`
		} `json:"Sns"`
		Body string `json:"body"`
	} `json:"Records"`
	// s3:TestEvent, sent when a notification is configured.
	Event string `json:"Event"`
	// SNS's envelope in the body of an SQS message.
	Type    string `json:"Type"`
	Message string `json:"Message"`
	// EventBridge.
	DetailType string `json:"detail-type"`
	Detail     *struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"`
			Size      int64  `json:"size"`
			ETag      string `json:"etag"`
			VersionID string `json:"version-id"`
		} `json:"object"`
	} `json:"detail"`
	// The record of a failed invocation, from an on-failure destination.
	RequestPayload json.RawMessage `json:"requestPayload"`
}

// Parse returns the created objects in payload: S3's own notification, the same inside
// messages of SNS or SQS, an EventBridge event, or the record of a failed invocation
// from the failure queue. Keys are URL-encoded in S3's notifications (a plus sign is a
// space) and not encoded in EventBridge events. Other events than creation, and S3's
// test event, have no objects.
func Parse(payload []byte) ([]Object, error) { return parse(payload, 0) }

func parse(payload []byte, depth int) ([]Object, error) {
	if depth > 4 {
		return nil, fmt.Errorf("%w: envelopes nest deeper than 4", ErrUnknownForm)
	}
	var m message
	if err := json.Unmarshal(payload, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownForm, err)
	}
	switch {
	case m.Event == "s3:TestEvent":
		return nil, nil
	case len(m.RequestPayload) > 0:
		return parse(m.RequestPayload, depth+1)
	case m.Type == "Notification" && m.Message != "":
		return parse([]byte(m.Message), depth+1)
	case m.Detail != nil && m.DetailType != "":
		return fromEventBridge(&m)
	case m.Records != nil:
		return fromRecords(&m, depth)
	}
	return nil, fmt.Errorf("%w: it has none of Records, detail, Message, requestPayload", ErrUnknownForm)
}

func fromEventBridge(m *message) ([]Object, error) {
	if m.DetailType != "Object Created" {
		return nil, nil
	}
	o := Object{
		Bucket: m.Detail.Bucket.Name, Key: m.Detail.Object.Key, VersionID: m.Detail.Object.VersionID,
		ETag: m.Detail.Object.ETag, Size: m.Detail.Object.Size,
	}
	if o.Bucket == "" || o.Key == "" {
		return nil, fmt.Errorf("%w: detail names no bucket or no key", ErrUnknownForm)
	}
	return []Object{o}, nil
}

func fromRecords(m *message, depth int) ([]Object, error) {
	var (
		objects []Object
		errs    []error
	)
	for i, r := range m.Records {
		switch {
		case r.S3 != nil:
			if !strings.HasPrefix(strings.TrimPrefix(r.EventName, "s3:"), "ObjectCreated:") {
				continue
			}
			key, err := url.QueryUnescape(r.S3.Object.Key)
			if err == nil && (key == "" || r.S3.Bucket.Name == "") {
				err = errors.New("bucket or key is empty")
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%w: record %d: bucket %q, key %q: %w",
					ErrUnknownForm, i, r.S3.Bucket.Name, r.S3.Object.Key, err))
				continue
			}
			objects = append(objects, Object{
				Bucket: r.S3.Bucket.Name, Key: key, VersionID: r.S3.Object.VersionID,
				ETag: r.S3.Object.ETag, Size: r.S3.Object.Size,
			})
		case r.SNS != nil || r.Body != "":
			inner := r.Body
			if r.SNS != nil {
				inner = r.SNS.Message
			}
			more, err := parse([]byte(inner), depth+1)
			if err != nil {
				errs = append(errs, fmt.Errorf("record %d: %w", i, err))
				continue
			}
			objects = append(objects, more...)
		default:
			errs = append(errs, fmt.Errorf("%w: record %d has neither s3, Sns nor body", ErrUnknownForm, i))
		}
	}
	return objects, errors.Join(errs...)
}
