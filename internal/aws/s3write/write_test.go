package s3write_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/ingestion/internal/aws/s3write"
	"example.com/ingestion/internal/testing/fake"
)

func TestPutNewKeepsAnExistingObject(t *testing.T) {
	bucket := &fake.S3{}
	for i, body := range []string{"first", "second"} {
		created, err := s3write.Create(t.Context(), bucket, "b", "k", "text/plain", strings.NewReader(body))
		if err != nil || created != (i == 0) {
			t.Fatalf("%s: created %v, error %v", body, created, err)
		}
		if err := s3write.PutNew(t.Context(), bucket, "b", "k", "text/plain", strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := bucket.Get("b", "k"); string(got) != "first" {
		t.Errorf("the object is %q", got)
	}
	if err := s3write.Put(t.Context(), bucket, "b", "k", "text/plain", []byte("third")); err != nil {
		t.Fatal(err)
	}
	if got, _ := bucket.Get("b", "k"); string(got) != "third" {
		t.Errorf("the object is %q", got)
	}
}

// conflicting answers the first writes with an error.
type conflicting struct {
	status, failures int
	bodies           []string
}

func (c *conflicting) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	c.bodies = append(c.bodies, string(body))
	if len(c.bodies) <= c.failures {
		return nil, &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: c.status}}, Err: errors.New("not written"),
		}}
	}
	return &s3.PutObjectOutput{}, nil
}

// A conflict with a concurrent write is transient; each attempt sends the whole body.
func TestConflictIsRetried(t *testing.T) {
	for name, test := range map[string]struct {
		status, failures, attempts int
		err                        string
	}{
		"conflict":           {status: http.StatusConflict, failures: 3, attempts: 4},
		"permanent conflict": {status: http.StatusConflict, failures: 100, attempts: 25, err: "write s3://b/k: "},
		"access denied":      {status: http.StatusForbidden, failures: 1, attempts: 1, err: "write s3://b/k: "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &conflicting{status: test.status, failures: test.failures}
				created, err := s3write.Create(t.Context(), c, "b", "k", "text/plain", strings.NewReader("body"))
				if created != (test.err == "") || (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
					t.Errorf("created %v, error %v", created, err)
				}
				if len(c.bodies) != test.attempts || c.bodies[test.attempts-1] != "body" {
					t.Errorf("%d attempts, want %d: %q", len(c.bodies), test.attempts, c.bodies)
				}
			})
		})
	}
}
