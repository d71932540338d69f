package s3source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/testing/fake"
)

// large is a bucket with one object of size zero bytes (the value), into which one
// multipart upload can be made.
type large struct {
	s3source.API
	size        int64
	mu          sync.Mutex // guards the fields below: parts are concurrent
	copied, put int64
	parts       int
	completed   int
	aborted     bool
	payer       map[types.RequestPayer]int
}

func (l *large) HeadObject(_ context.Context, in *s3.HeadObjectInput, _ ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	l.payer[in.RequestPayer]++
	return &s3.HeadObjectOutput{ContentLength: &l.size, ETag: aws.String(`"e"`)}, nil
}

func (l *large) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.payer[in.RequestPayer]++
	var from, to int64
	if _, err := fmt.Sscanf(aws.ToString(in.Range), "bytes=%d-%d", &from, &to); err != nil {
		return nil, err
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(io.LimitReader(zeros{}, to+1-from))}, nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (l *large) CreateMultipartUpload(context.Context, *s3.CreateMultipartUploadInput, ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	return &s3.CreateMultipartUploadOutput{UploadId: aws.String("u")}, nil
}

func (l *large) UploadPart(_ context.Context, in *s3.UploadPartInput, _ ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	// The SDK reads a body twice: for its checksum and to send it.
	for range 2 {
		if _, err := in.Body.(io.Seeker).Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		n, err := io.Copy(io.Discard, in.Body)
		if err != nil || n != *in.ContentLength {
			return nil, fmt.Errorf("%d of %d bytes: %w", n, *in.ContentLength, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts++
	l.put += *in.ContentLength
	return &s3.UploadPartOutput{ETag: aws.String("p")}, nil
}

func (l *large) UploadPartCopy(_ context.Context, in *s3.UploadPartCopyInput, _ ...func(*s3.Options)) (*s3.UploadPartCopyOutput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.payer[in.RequestPayer]++
	l.parts++
	var from, to int64
	if _, err := fmt.Sscanf(*in.CopySourceRange, "bytes=%d-%d", &from, &to); err != nil {
		return nil, err
	}
	l.copied += to + 1 - from
	return &s3.UploadPartCopyOutput{CopyPartResult: &types.CopyPartResult{ETag: aws.String("p")}}, nil
}

func (l *large) CompleteMultipartUpload(_ context.Context, in *s3.CompleteMultipartUploadInput, _ ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	for i, part := range in.MultipartUpload.Parts {
		if *part.PartNumber != int32(i+1) {
			return nil, fmt.Errorf("part %d is at position %d", *part.PartNumber, i+1)
		}
	}
	l.completed = len(in.MultipartUpload.Parts)
	return &s3.CompleteMultipartUploadOutput{}, nil
}

func (l *large) AbortMultipartUpload(context.Context, *s3.AbortMultipartUploadInput, ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	l.aborted = true
	return &s3.AbortMultipartUploadOutput{}, nil
}

func TestCopyOfLargeObjects(t *testing.T) {
	tests := map[string]struct {
		size        int64
		assumedRole bool
		copied, put int64
		parts       int
	}{
		"server side":            {size: 6 << 30, copied: 6 << 30, parts: 12},
		"largest object of S3":   {size: 50 << 40, copied: 50 << 40, parts: 10_000},
		"assumed role: streamed": {size: 600 << 20, assumedRole: true, put: 600 << 20, parts: 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := &large{size: test.size, payer: map[types.RequestPayer]int{}}
			src, err := s3source.Bucket{API: l, AssumedRole: test.assumedRole, RequesterPays: true}.Open(t.Context(), "b", "k", "", "e")
			if err != nil {
				t.Fatal(err)
			}
			if err := s3source.Copy(t.Context(), l, src, "to", "k"); err != nil {
				t.Fatal(err)
			}
			if l.copied != test.copied || l.put != test.put || l.parts != test.parts || l.completed != test.parts || l.aborted {
				t.Errorf("%+v", l)
			}
			if l.payer[""] != 0 || l.payer[types.RequestPayerRequester] == 0 {
				t.Errorf("requests by payer: %v", l.payer)
			}
		})
	}
}

// An object that S3 refuses to copy but that can be read is streamed.
func TestCopyFallsBackToReading(t *testing.T) {
	bucket := &fake.S3{RefuseCopy: http.StatusForbidden}
	body := random(10_000)
	bucket.Set("b", "k", body)
	bucket.BreakGet = func(_ string, _ int64, body []byte) []byte { return body[:min(len(body), 3_000)] }
	src, err := open(t, bucket, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s3source.Copy(t.Context(), bucket, src, "to", "copy"); err != nil {
		t.Fatal(err)
	}
	if got, _ := bucket.Get("to", "copy"); !bytes.Equal(got, body) {
		t.Errorf("the copy has %d bytes of %d", len(got), len(body))
	}
	bucket.Set("b", "k", body[1:])
	if err := s3source.Copy(t.Context(), bucket, src, "to", "copy"); !errors.Is(err, s3source.ErrNotFound) {
		t.Errorf("overwritten: %v", err)
	}
}

func TestStreamedCopyThroughTheSDK(t *testing.T) {
	var got []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var err error
		if got, err = io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	bucket := &fake.S3{}
	body := random(100_000)
	bucket.Set("b", "k", body)
	src, err := s3source.Bucket{API: bucket, AssumedRole: true}.Open(t.Context(), "b", "k", "", "")
	if err != nil {
		t.Fatal(err)
	}
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	if err := s3source.Copy(t.Context(), client, src, "to", "k"); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(got, body) {
		t.Errorf("the server got %d bytes", len(got))
	}
}

// A caller that has s3:GetObject may lack s3:GetObjectVersion.
func TestGetObjectVersionIsNotAllowed(t *testing.T) {
	var requests []string
	current := "v1"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r.Method+" "+r.URL.Query().Get("versionId"))
		if r.URL.Query().Get("versionId") != "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("X-Amz-Version-Id", current)
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("Content-Length", "1")
		if r.Method == http.MethodGet {
			fmt.Fprint(w, "x")
		}
	}))
	t.Cleanup(server.Close)
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	for _, versionID := range []string{"", "v1"} {
		requests = nil
		src, err := s3source.Open(t.Context(), client, "b", "k", versionID, "")
		if err != nil {
			t.Fatal(err)
		}
		r, err := src.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "x" || src.VersionID() != "v1" {
			t.Errorf("version %q: read %q of %q, %v", versionID, got, src.VersionID(), err)
		}
		if requests[len(requests)-1] != "GET " {
			t.Errorf("version %q: requests %q", versionID, requests)
		}
	}
	current = "v2"
	if _, err := s3source.Open(t.Context(), client, "b", "k", "v1", ""); !errors.Is(err, s3source.ErrNotFound) {
		t.Errorf("another version: %v", err)
	}
}

func TestArchivedObject(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<Error><Code>InvalidObjectState</Code><Message>the storage class is GLACIER</Message></Error>`)
			return
		}
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("Content-Length", "7")
	}))
	t.Cleanup(server.Close)
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	src, err := s3source.Open(t.Context(), client, "b", "k", "", "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := src.Open(t.Context())
	if err == nil {
		_, err = io.ReadAll(r)
	}
	if !errors.Is(err, s3source.ErrArchived) || !strings.Contains(err.Error(), "s3://b/k") || !strings.Contains(err.Error(), "restore it") {
		t.Errorf("error %v", err)
	}
}
