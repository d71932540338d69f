package s3source_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/testing/fake"
)

func random(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func open(t *testing.T, s3 *fake.S3, etag string) (*s3source.Object, error) {
	t.Helper()
	return s3source.Open(t.Context(), s3, "b", "k", "", etag)
}

// A broken connection is resumed at the next byte and is never taken for the end of the data.
func TestStreamResumes(t *testing.T) {
	want := random(100_000)
	s3 := &fake.S3{}
	etag := s3.Set("b", "k", want)
	s3.BreakGet = func(_ string, _ int64, body []byte) []byte { return body[:min(len(body), 7_001)] }
	src, err := open(t, s3, etag)
	if err != nil {
		t.Fatal(err)
	}
	r, err := src.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d of %d bytes, error %v", len(got), len(want), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	part := make([]byte, 20_000)
	if n, err := src.ReadAt(part, 90_000); n != 10_000 || !errors.Is(err, io.EOF) || !bytes.Equal(part[:n], want[90_000:]) {
		t.Errorf("ReadAt = %d, %v", n, err)
	}
}

func TestStreamFailsWithoutProgress(t *testing.T) {
	s3 := &fake.S3{}
	s3.Set("b", "k", random(1000))
	s3.BreakGet = func(_ string, from int64, body []byte) []byte {
		if from >= 500 {
			return nil
		}
		return body[:500-from]
	}
	src, err := open(t, s3, "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := src.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "byte 500 of 1000") || len(got) != 500 {
		t.Errorf("read %d bytes, error %v", len(got), err)
	}
}

func TestVersionWasDeleted(t *testing.T) {
	s3 := &fake.S3{}
	etag := s3.Set("b", "k", random(10))
	src, err := open(t, s3, etag)
	if err != nil {
		t.Fatal(err)
	}
	s3.Set("b", "k", random(11))
	if _, err := src.ReadAt(make([]byte, 5), 0); !errors.Is(err, s3source.ErrNotFound) {
		t.Errorf("overwritten while it was read: %v", err)
	}
	if _, err := open(t, s3, etag); !errors.Is(err, s3source.ErrNotFound) {
		t.Errorf("overwritten before: %v", err)
	}
	s3.Delete("b", "k")
	if _, err := open(t, s3, etag); !errors.Is(err, s3source.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}

func TestCopy(t *testing.T) {
	s3 := &fake.S3{}
	const key = "a b/é+?&.json"
	s3.Set("b", key, []byte("body"))
	src, err := s3source.Open(t.Context(), s3, "b", key, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s3source.Copy(t.Context(), s3, src, "c", "copy"); err != nil {
		t.Fatal(err)
	}
	if got, _ := s3.Get("c", "copy"); string(got) != "body" {
		t.Errorf("the copy is %q", got)
	}
}
