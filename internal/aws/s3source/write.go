package s3source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/internal/retry"
)

// PutNew writes an object unless its key is taken: what is under a key that was
// written before is the same, and writing it again would announce it again.
func PutNew(ctx context.Context, api API, bucket, key, contentType string, body io.ReadSeeker) error {
	_, err := Create(ctx, api, bucket, key, contentType, body)
	return err
}

// Create is PutNew and reports whether this call wrote the object. Where it did
// not, body may still be read for a moment.
func Create(ctx context.Context, api API, bucket, key, contentType string, body io.ReadSeeker) (created bool, err error) {
	return put(ctx, api, &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, ContentType: &contentType, IfNoneMatch: aws.String("*"),
	}, body)
}

// Put writes an object, over the one that may be there.
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
			// Another writer of the same key is at work: the next attempt finds the
			// object that it wrote, or writes it ("Conditional writes").
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
