package s3source_test

import (
	"errors"
	"testing"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/testing/fake"
)

func TestReadWhole(t *testing.T) {
	bucket := &fake.S3{}
	etag := bucket.Set("b", "k", []byte("123456789"))
	from := s3source.Bucket{API: bucket}
	o, body, err := from.ReadWhole(t.Context(), "b", "k", "", etag, 9)
	if err != nil || string(body) != "123456789" || o.Size() != 9 || o.ETag() != etag || o.Modified().IsZero() {
		t.Fatalf("read %q of %+v, error %v", body, o, err)
	}
	if o, body, err := from.ReadWhole(t.Context(), "b", "k", "", "", 8); err != nil || body != nil || o.Size() != 9 {
		t.Errorf("larger than the limit: %q, error %v", body, err)
	}
	for _, named := range [][2]string{{"k", "another"}, {"none", ""}} {
		if _, _, err := from.ReadWhole(t.Context(), "b", named[0], "", named[1], 9); !errors.Is(err, s3source.ErrNotFound) {
			t.Errorf("%s with ETag %q: error %v", named[0], named[1], err)
		}
	}
	breaks := 0
	bucket.BreakGet = func(_ string, _ int64, body []byte) []byte {
		if breaks++; breaks < 3 {
			return body[:len(body)/2]
		}
		return body
	}
	if _, body, err := from.ReadWhole(t.Context(), "b", "k", "", etag, 9); err != nil || string(body) != "123456789" || breaks < 3 {
		t.Errorf("after %d breaks: %q, error %v", breaks, body, err)
	}
}
