package s3event

import (
	"encoding/json"
	"net/url"
	"strings"
)

// notification has the members of S3's notification ("Event message structure") that
// Parse reads, and those that identify its version. events.S3Event would write all
// members, with zero values, and make each payload several times larger.
type notification struct {
	Records []notificationRecord `json:"Records"`
}

type notificationRecord struct {
	EventVersion string `json:"eventVersion"`
	EventSource  string `json:"eventSource"`
	EventName    string `json:"eventName"`
	S3           struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"`
			Size      int64  `json:"size"`
			ETag      string `json:"eTag,omitempty"`
			VersionID string `json:"versionId,omitempty"`
		} `json:"object"`
	} `json:"s3"`
}

// Notification returns the notification that S3 would send for put objects, which
// Parse reads. It has at most 4 KB per object; the limits are 256 KB for a message of
// SQS and 1 MB for an asynchronous invocation.
func Notification(objects ...Object) []byte {
	n := notification{Records: []notificationRecord{}}
	for _, o := range objects {
		r := notificationRecord{EventVersion: "2.1", EventSource: "aws:s3", EventName: "ObjectCreated:Put"}
		r.S3.Bucket.Name = o.Bucket
		// S3 encodes keys like form values, except for slashes.
		r.S3.Object.Key = strings.ReplaceAll(url.QueryEscape(o.Key), "%2F", "/")
		r.S3.Object.Size = o.Size
		r.S3.Object.ETag = strings.Trim(o.ETag, `"`)
		if o.VersionID != "null" { // what S3 calls the version of an object from before versioning
			r.S3.Object.VersionID = o.VersionID
		}
		n.Records = append(n.Records, r)
	}
	payload, _ := json.Marshal(n) // strings and numbers always encode
	return payload
}
