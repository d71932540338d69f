package s3event_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/internal/aws/s3event"
)

func TestNotificationIsReadBack(t *testing.T) {
	var want []s3event.Object
	for _, key := range []string{
		"a/b.json", "a b+c%20d.json", "é/😀?&=#\"'<>\\", "tab\tline\nreturn\r\x01", "//a//", ".", "%zz", strings.Repeat("é", 512),
	} {
		want = append(want, s3event.Object{Bucket: "b", Key: key, ETag: "e-2", Size: 5<<40 + 1}, s3event.Object{Bucket: "b", Key: key, VersionID: "v"})
	}
	got, err := s3event.Parse(s3event.Notification(want...))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Parse = %+v, %v; want %+v", got, err, want)
	}
	if got, err := s3event.Parse(s3event.Notification()); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
}

func TestNotificationMakesTheSameUpload(t *testing.T) {
	got := string(s3event.Notification(s3event.Object{Bucket: "b", Key: "a/b c", ETag: `"e"`, VersionID: "null"}))
	const want = `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put",` +
		`"s3":{"bucket":{"name":"b"},"object":{"key":"a/b+c","size":0,"eTag":"e"}}}]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
