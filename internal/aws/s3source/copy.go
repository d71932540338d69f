package s3source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

const (
	// maxCopyObject is the largest object that CopyObject copies, in bytes.
	maxCopyObject = 5 << 30
	// minPart is the least size of one part of a multipart copy, in bytes, and
	// maxParts how many parts a multipart upload may have.
	minPart  = 512 << 20
	maxParts = 10_000
	// serverSideParts and streamedParts are how many parts are copied at a time. S3
	// copies one at about 100 MB/s, and a function has 15 minutes.
	serverSideParts, streamedParts = 16, 4
)

// Copy copies the object unchanged to bucket and key, which api writes: within S3
// where S3 can, else by reading and writing it, within the time of the invocation.
func Copy(ctx context.Context, api API, o *Object, bucket, key string) error {
	c := copier{o: o, api: api, bucket: bucket, key: key}
	err := errRefused
	if !o.bucket.AssumedRole {
		err = c.serverSide(ctx)
	}
	if errors.Is(err, errRefused) {
		err = c.streamed(ctx)
	}
	if err != nil {
		return fmt.Errorf("copy %s to s3://%s/%s: %w", o.uri(), bucket, key, err)
	}
	return nil
}

// errRefused means that S3 refuses to copy an object that may still be readable:
// because of another account's bucket or key policy, or a region that this
// account has not enabled.
var errRefused = errors.New("S3 refuses the copy")

type copier struct {
	o           *Object
	api         API
	bucket, key string
}

// serverSide copies within S3.
func (c copier) serverSide(ctx context.Context) error {
	var err error
	if c.o.size <= maxCopyObject {
		_, err = c.api.CopyObject(ctx, &s3.CopyObjectInput{
			Bucket: &c.bucket, Key: &c.key, CopySource: aws.String(c.o.copySource()), CopySourceIfMatch: optional(c.o.etag),
			RequestPayer: c.o.payer(),
			// To copy the tags would need s3:GetObjectTagging too.
			TaggingDirective: types.TaggingDirectiveReplace,
		})
	} else {
		err = c.multipart(ctx, serverSideParts, c.serverSidePart)
	}
	switch status(err) {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", errRefused, err)
	case http.StatusNotFound, http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

func (c copier) serverSidePart(ctx context.Context, upload *string, number int32, from, to int64) (*string, error) {
	out, err := c.api.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket: &c.bucket, Key: &c.key, UploadId: upload, PartNumber: &number, RequestPayer: c.o.payer(),
		CopySource: aws.String(c.o.copySource()), CopySourceIfMatch: optional(c.o.etag),
		CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", from, to-1)),
	})
	if err != nil {
		return nil, err
	}
	return out.CopyPartResult.ETag, nil
}

// streamed reads the object and writes it, with no more than a buffer in memory.
func (c copier) streamed(ctx context.Context) error {
	if c.o.size > minPart {
		return c.multipart(ctx, streamedParts, c.streamedPart)
	}
	_, err := c.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &c.bucket, Key: &c.key, Body: c.o.section(ctx, 0, c.o.size), ContentLength: &c.o.size,
	})
	return err
}

func (c copier) streamedPart(ctx context.Context, upload *string, number int32, from, to int64) (*string, error) {
	out, err := c.api.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &c.bucket, Key: &c.key, UploadId: upload, PartNumber: &number,
		Body: c.o.section(ctx, from, to), ContentLength: aws.Int64(to - from),
	})
	if err != nil {
		return nil, err
	}
	return out.ETag, nil
}

// multipart makes a multipart upload, limit parts at a time; copyPart copies one.
func (c copier) multipart(ctx context.Context, limit int, copyPart func(ctx context.Context, upload *string, number int32, from, to int64) (etag *string, err error)) (err error) {
	upload, err := c.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &c.bucket, Key: &c.key})
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		// Abort also when ctx has ended. The bucket's lifecycle rule aborts what is missed here.
		_, abortErr := c.api.AbortMultipartUpload(context.WithoutCancel(ctx), &s3.AbortMultipartUploadInput{
			Bucket: &c.bucket, Key: &c.key, UploadId: upload.UploadId,
		})
		err = errors.Join(err, abortErr)
	}()
	step := max(minPart, c.o.size/maxParts+1)
	parts := make([]types.CompletedPart, (c.o.size+step-1)/step)
	group, partCtx := errgroup.WithContext(ctx)
	group.SetLimit(limit)
	for i := range parts {
		group.Go(func() error {
			at, number := int64(i)*step, int32(i+1)
			etag, err := copyPart(partCtx, upload.UploadId, number, at, min(at+step, c.o.size))
			if err != nil {
				return fmt.Errorf("part %d: %w", number, err)
			}
			parts[i] = types.CompletedPart{PartNumber: &number, ETag: etag}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err = c.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &c.bucket, Key: &c.key, UploadId: upload.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return err
}

// copySource is the value of x-amz-copy-source: the key URL-encoded, except for slashes.
func (o *Object) copySource() string {
	c := o.name + "/" + strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(o.key), "+", "%20"), "%2F", "/")
	if o.pinned {
		c += "?versionId=" + url.QueryEscape(o.versionID)
	}
	return c
}
