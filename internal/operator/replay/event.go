package replay

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/ids"
)

// Target is what an event goes to again.
type Target string

// The targets. Any other is the name of a function, or empty.
const (
	Unpack Target = "unpack"
	Load   Target = "load"
)

// Event is a message of the failure queue, understood.
type Event struct {
	// At is when it came into the queue.
	At time.Time `json:"at"`
	// Target is what failed on it, and gets it again; empty where the message is
	// of no form that is known, and stays.
	Target Target `json:"target"`
	// Upload is the ID of the upload that it is about, where that is known, Part
	// that of the part.
	Upload string `json:"upload,omitempty"`
	Part   string `json:"part,omitempty"`
	// Objects are the source objects of an event of S3.
	Objects []string `json:"objects,omitempty"`
	// Error is what the function said, where the message tells.
	Error string `json:"error,omitempty"`
	// Sent says that it was sent again, and taken out of the queue.
	Sent bool `json:"sent"`
	// Why says why it could not be sent, where it was tried.
	Why string `json:"why,omitempty"`

	uploads []string // of Objects, as far as the event has their versions
	payload []byte
	now     Target // what takes such a payload, whichever function failed on it
}

// failure is what Lambda puts in an on-failure destination ("Capturing records
// of Lambda asynchronous invocations").
type failure struct {
	RequestContext struct {
		FunctionARN string `json:"functionArn"`
		Condition   string `json:"condition"`
	} `json:"requestContext"`
	RequestPayload  json.RawMessage `json:"requestPayload"`
	ResponsePayload struct {
		ErrorMessage string `json:"errorMessage"`
	} `json:"responsePayload"`
}

// parse understands the body of a message: Lambda's record of an invocation
// that failed; or what stood in a queue, or was meant for a function, as it was,
// which SQS, SNS and EventBridge put into their dead-letter queues.
func (r *Replay) parse(body string) Event {
	var f failure
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		return Event{}
	}
	if len(f.RequestPayload) == 0 {
		return r.read([]byte(body))
	}
	e := r.read(f.RequestPayload)
	e.now = e.Target
	e.Error = f.ResponsePayload.ErrorMessage
	if e.Error == "" {
		e.Error = f.RequestContext.Condition
	}
	e.payload = f.RequestPayload
	// The function that failed is the one to ask again, whatever the payload looks like.
	switch name := functionName(f.RequestContext.FunctionARN); name {
	case "":
	case r.UnpackFunction:
		e.Target = Unpack
	case r.LoadFunction:
		e.Target = Load
	default:
		e.Target = Target(name)
	}
	return e
}

// functionName is the name in a function's ARN, which may have a version after it.
func functionName(arn string) string {
	fields := strings.Split(arn, ":")
	if len(fields) < 7 {
		return ""
	}
	return fields[6]
}

// read understands a payload by what it holds.
func (r *Replay) read(payload []byte) Event {
	var p struct {
		ids.PartRef
		ids.Resume
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return Event{}
	}
	switch {
	case p.Part != "":
		return Event{Target: Load, Upload: p.Upload, Part: p.Part, payload: payload}
	case p.Resume.Resume.Upload != "":
		return Event{Target: Unpack, Upload: p.Resume.Resume.Upload, payload: payload}
	}
	objects, err := s3event.Parse(payload)
	if err != nil || len(objects) == 0 {
		return Event{}
	}
	e := Event{Target: Unpack, payload: payload}
	for _, o := range objects {
		e.Objects = append(e.Objects, "s3://"+o.Bucket+"/"+o.Key)
		e.uploads = append(e.uploads, ids.New(ids.Upload{Feed: r.Feed, Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag}).ID)
	}
	if len(e.uploads) == 1 {
		e.Upload = e.uploads[0]
	}
	return e
}

// about reports whether the event is one to replay.
func (r *Replay) about(e Event) bool {
	return !e.At.Before(r.Since) && (r.Upload == nil || e.Upload == r.Upload.ID || slices.Contains(e.uploads, r.Upload.ID))
}
