package s3event_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"example.com/ingestion/internal/aws/s3event"
)

const native = `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:CompleteMultipartUpload","s3":{
	"bucket":{"name":"b","arn":"arn:aws:s3:::b"},"object":{"key":"a+b/%C3%A9%2B%F0%9F%98%80.json","size":7,"eTag":"e","versionId":"v","sequencer":"0A"}}}]}`

func quote(s string) string {
	b, _ := json.Marshal(s) // a string always encodes
	return string(b)
}

func TestParse(t *testing.T) {
	one := []s3event.Object{{Bucket: "b", Key: "a b/é+😀.json", VersionID: "v", ETag: "e", Size: 7}}
	sns := `{"Type":"Notification","MessageId":"m","TopicArn":"t","Message":` + quote(native) + `}`
	tests := map[string]struct {
		in   string
		want []s3event.Object
	}{
		"native":            {native, one},
		"inside SNS":        {`{"Records":[{"EventSource":"aws:sns","Sns":{"Message":` + quote(native) + `}}]}`, one},
		"inside SQS":        {`{"Records":[{"eventSource":"aws:sqs","body":` + quote(native) + `}]}`, one},
		"SNS inside SQS":    {`{"Records":[{"eventSource":"aws:sqs","body":` + quote(sns) + `}]}`, one},
		"failure queue":     {`{"version":"1.0","requestContext":{"condition":"RetriesExhausted"},"requestPayload":` + native + `}`, one},
		"test event":        {`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}`, nil},
		"deletion":          {`{"Records":[{"eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}]}`, nil},
		"EventBridge":       {`{"detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"b"},"object":{"key":"a b/é+😀.json","size":7,"etag":"e","version-id":"v"}}}`, one},
		"other EventBridge": {`{"detail-type":"Object Deleted","detail":{"bucket":{"name":"b"},"object":{"key":"k"}}}`, nil},
		"no records":        {`{"Records":[]}`, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := s3event.Parse([]byte(test.in))
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("Parse = %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for name, in := range map[string]string{
		"not JSON":    `hello`,
		"other JSON":  `{"hello":1}`,
		"bad key":     `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"%zz"}}}]}`,
		"no bucket":   `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{},"object":{"key":"k"}}}]}`,
		"odd record":  `{"Records":[{"dynamodb":{}}]}`,
		"empty":       ``,
		"deep nested": `{"requestPayload":{"requestPayload":{"requestPayload":{"requestPayload":{"requestPayload":{"Records":[]}}}}}}`,
	} {
		if got, err := s3event.Parse([]byte(in)); !errors.Is(err, s3event.ErrUnknownForm) {
			t.Errorf("%s: Parse = %v, %v", name, got, err)
		}
	}
}

// The valid objects of a payload are returned together with the error for the others.
func TestParseReturnsValidObjects(t *testing.T) {
	got, err := s3event.Parse([]byte(`{"Records":[{"x":1},` + native[len(`{"Records":[`):]))
	if len(got) != 1 || err == nil {
		t.Errorf("Parse = %v, %v", got, err)
	}
}
