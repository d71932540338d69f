package replay

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/ids"
)

// Target is the function that an event is dispatched to.
type Target string

// The functions of every feed. Any other target is the name of a function, or empty.
const (
	Unpack Target = "unpack"
	Load   Target = "load"
)

// Event is a message of the failure queue, or a part that loaders have set aside.
type Event struct {
	// Time is when it was sent to the queue, or set aside.
	Time time.Time `json:"time"`
	// Target is the function that failed on it; empty if the format of the message is
	// unknown. Such a message stays in the queue.
	Target Target `json:"target"`
	// Upload is the ID of its upload, Part the name of its part, if they are known.
	Upload string `json:"upload,omitempty"`
	Part   string `json:"part,omitempty"`
	// Objects are the source objects of an S3 notification.
	Objects []string `json:"objects,omitempty"`
	// Error is the error of the function, if the message contains it.
	Error string `json:"error,omitempty"`
	// Dispatched is true if it was dispatched and deleted from the queue.
	Dispatched bool `json:"dispatched"`
	// Problem is why it could not be dispatched.
	Problem string `json:"problem,omitempty"`

	uploads []string // IDs of Objects, if the event has their versions
	payload []byte
	current Target // the function that processes such payloads now
}

// failure is the record that Lambda sends to an on-failure destination (AWS Lambda
// Developer Guide, "Capturing records of Lambda asynchronous invocations").
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

// ParseEvent parses the body of a message: a record of Lambda about a failed
// invocation, or a message in the form in which SQS, SNS and EventBridge send it to a
// dead-letter queue.
func (r *Replay) ParseEvent(body string) Event {
	var f failure
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		return Event{}
	}
	if len(f.RequestPayload) == 0 {
		return r.read([]byte(body))
	}
	e := r.read(f.RequestPayload)
	e.current = e.Target
	e.Error = f.ResponsePayload.ErrorMessage
	if e.Error == "" {
		e.Error = f.RequestContext.Condition
	}
	e.payload = f.RequestPayload
	// The function that failed is the target, whatever the payload looks like.
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

// functionName returns the name in the ARN of a function, which may end in a version.
func functionName(arn string) string {
	fields := strings.Split(arn, ":")
	if len(fields) < 7 {
		return ""
	}
	return fields[6]
}

// read determines the target of a payload from its fields.
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

// selects reports whether the event is to be retried.
func (r *Replay) selects(e Event) bool {
	if e.Time.Before(r.Since) {
		return false
	}
	u := r.Upload
	return u == nil || e.Upload == u.ID || e.Upload != "" && e.Upload == u.Shared || slices.Contains(e.uploads, u.ID)
}
