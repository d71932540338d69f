package s3event

import (
	"encoding/json"
	"net/url"
	"strings"
)

// notification is what S3 sends ("Event message structure"), as far as Parse
// reads it and S3's own consumers tell its versions apart.
type notification struct {
	Records []notified `json:"Records"`
}

type notified struct {
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

// Notification returns what S3 would send of the objects being put: Parse
// reads it back. Each object takes at most 4 KB; SQS takes 256 KB, an
// asynchronous invocation 1 MB.
func Notification(objects ...Object) []byte {
	n := notification{Records: []notified{}}
	for _, o := range objects {
		r := notified{EventVersion: "2.1", EventSource: "aws:s3", EventName: "ObjectCreated:Put"}
		r.S3.Bucket.Name = o.Bucket
		// S3 escapes as forms do, but for slashes.
		r.S3.Object.Key = strings.ReplaceAll(url.QueryEscape(o.Key), "%2F", "/")
		r.S3.Object.Size = o.Size
		r.S3.Object.ETag = strings.Trim(o.ETag, `"`)
		if o.VersionID != "null" { // what S3 calls the version of an object from before versioning
			r.S3.Object.VersionID = o.VersionID
		}
		n.Records = append(n.Records, r)
	}
	payload, _ := json.Marshal(n) // it has only strings and numbers, which always encode
	return payload
}
