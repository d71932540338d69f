// Package s3write writes whole objects to S3. Its conditional writes make a
// repeated write idempotent: an object whose key exists is not written again, and
// S3 sends no second notification for it.
package s3write

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/internal/retry"
)

// API is what the package needs of an S3 client.
type API interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// PutNew writes an object unless its key exists (If-None-Match). Callers derive
// the key from the content, so an existing object is the same one.
func PutNew(ctx context.Context, api API, bucket, key, contentType string, body io.ReadSeeker) error {
	_, err := Create(ctx, api, bucket, key, contentType, body)
	return err
}

// Create is PutNew and reports whether this call wrote the object. Where it did
// not, the client may still read body for a moment after the return.
func Create(ctx context.Context, api API, bucket, key, contentType string, body io.ReadSeeker) (created bool, err error) {
	return put(ctx, api, &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, ContentType: &contentType, IfNoneMatch: aws.String("*"),
	}, body)
}

// Put writes an object, and replaces an existing one.
func Put(ctx context.Context, api API, bucket, key, contentType string, body []byte) error {
	_, err := put(ctx, api, &s3.PutObjectInput{Bucket: &bucket, Key: &key, ContentType: &contentType}, bytes.NewReader(body))
	return err
}

func put(ctx context.Context, api API, in *s3.PutObjectInput, body io.ReadSeeker) (created bool, err error) {
	in.Body = body
	err = retry.Do(ctx, retry.Conflict, func() error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := api.PutObject(ctx, in)
		if status(err) == http.StatusConflict {
			// A concurrent write of the same key: the next attempt finds that writer's
			// object, or writes it ("Conditional write behavior").
			return retry.Transient(err)
		}
		return err
	})
	switch {
	case err == nil:
		return true, nil
	case in.IfNoneMatch != nil && status(err) == http.StatusPreconditionFailed:
		return false, nil
	}
	return false, fmt.Errorf("write s3://%s/%s: %w", *in.Bucket, *in.Key, err)
}

// status is the HTTP status of an error response of S3, and 0 for other errors.
func status(err error) int {
	var re *awshttp.ResponseError
	if errors.As(err, &re) {
		return re.HTTPStatusCode()
	}
	return 0
}
