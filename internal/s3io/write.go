package s3io

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
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
	for attempt := 1; ; attempt++ {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return false, fmt.Errorf("write s3://%s/%s: %w", *in.Bucket, *in.Key, err)
		}
		_, err := api.PutObject(ctx, in)
		switch {
		case err == nil:
			return true, nil
		case in.IfNoneMatch != nil && status(err) == http.StatusPreconditionFailed:
			return false, nil
		case status(err) == http.StatusConflict && attempt < maxResumes:
			// Another writer of the same key is at work: see who won.
			if err := pause(ctx, attempt); err != nil {
				return false, err
			}
		default:
			return false, fmt.Errorf("write s3://%s/%s: %w", *in.Bucket, *in.Key, err)
		}
	}
}

const (
	// maxCopy is the largest object that CopyObject takes.
	maxCopy = 5 << 30
	// copyPart is the least size of one part of a larger copy.
	copyPart = 512 << 20
	// copyParts is how many parts a multipart upload may have.
	copyParts = 10_000
)

// Copy copies the source as it is to bucket and key, within S3.
func Copy(ctx context.Context, api API, s *Source, bucket, key string) error {
	var err error
	if s.size <= maxCopy {
		_, err = api.CopyObject(ctx, &s3.CopyObjectInput{
			Bucket: &bucket, Key: &key, CopySource: aws.String(s.copySource()), CopySourceIfMatch: optional(s.etag),
			// Copying the tags too would ask for a permission more.
			TaggingDirective: types.TaggingDirectiveReplace,
		})
	} else {
		err = s.copyParts(ctx, bucket, key)
	}
	if err != nil {
		return fmt.Errorf("copy %s to s3://%s/%s: %w", s.uri(), bucket, key, err)
	}
	return nil
}

func (s *Source) copyParts(ctx context.Context, bucket, key string) (err error) {
	up, err := s.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		// The upload is given up even when ctx has ended; what is missed here, the bucket's lifecycle cleans up.
		_, abortErr := s.api.AbortMultipartUpload(context.WithoutCancel(ctx), &s3.AbortMultipartUploadInput{
			Bucket: &bucket, Key: &key, UploadId: up.UploadId,
		})
		err = errors.Join(err, abortErr)
	}()
	var parts []types.CompletedPart
	step := max(copyPart, s.size/copyParts+1)
	for at := int64(0); at < s.size; at += step {
		number := int32(len(parts) + 1)
		out, err := s.api.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
			Bucket: &bucket, Key: &key, UploadId: up.UploadId, PartNumber: &number,
			CopySource: aws.String(s.copySource()), CopySourceIfMatch: optional(s.etag),
			CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", at, min(at+step, s.size)-1)),
		})
		if err != nil {
			return err
		}
		parts = append(parts, types.CompletedPart{PartNumber: &number, ETag: out.CopyPartResult.ETag})
	}
	_, err = s.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: &key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return err
}

// copySource is the x-amz-copy-source header: the key URL-encoded, its slashes kept.
func (s *Source) copySource() string {
	c := s.bucket + "/" + strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s.key), "+", "%20"), "%2F", "/")
	if s.versionID != "" {
		c += "?versionId=" + url.QueryEscape(s.versionID)
	}
	return c
}
