package local

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

func TestConditionalWritesAreAtomic(t *testing.T) {
	f := sharedFixture(t)
	if _, err := f.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("conditional")}); err != nil {
		t.Fatal(err)
	}
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		written int
	)
	for range 8 {
		wg.Go(func() {
			_, err := f.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("conditional"), Key: aws.String("k"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
			var api smithy.APIError
			switch {
			case err == nil:
				mu.Lock()
				defer mu.Unlock()
				written++
			case !errors.As(err, &api) || api.ErrorCode() != "PreconditionFailed":
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if written != 1 {
		t.Errorf("%d conditional writes succeeded, want 1", written)
	}
}
