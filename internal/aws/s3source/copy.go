package s3source

import (
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
	"golang.org/x/sync/errgroup"
)

const (
	// maxCopy is the largest object that CopyObject takes.
	maxCopy = 5 << 30
	// copyPart is the least size of one part of a larger copy.
	copyPart = 512 << 20
	// copyParts is how many parts a multipart upload may have.
	copyParts = 10_000
	// partsWithin and partsThrough are how many parts are made at a time: S3 copies
	// one at some 100 MB a second, and a function has minutes.
	partsWithin, partsThrough = 16, 4
)

// Copy copies the source as it is to bucket and key, which api writes: within
// S3 where it can, else through this function, in the time of which it has to be done.
func Copy(ctx context.Context, api API, s *Source, bucket, key string) error {
	c := copier{s: s, api: api, bucket: bucket, key: key}
	err := errNotWithin
	if !s.origin.Foreign {
		err = c.within(ctx)
	}
	if errors.Is(err, errNotWithin) {
		err = c.through(ctx)
	}
	if err != nil {
		return fmt.Errorf("copy %s to s3://%s/%s: %w", s.uri(), bucket, key, err)
	}
	return nil
}

// errNotWithin says that S3 refuses to make a copy of what can be read: another
// account's policy or key, a region that this account has not opted in to.
var errNotWithin = errors.New("S3 does not copy it by itself")

type copier struct {
	s           *Source
	api         API
	bucket, key string
}

// within has S3 make the copy.
func (c copier) within(ctx context.Context) error {
	var err error
	if c.s.size <= maxCopy {
		_, err = c.api.CopyObject(ctx, &s3.CopyObjectInput{
			Bucket: &c.bucket, Key: &c.key, CopySource: aws.String(c.s.copySource()), CopySourceIfMatch: optional(c.s.etag),
			RequestPayer: c.s.payer(),
			// Copying the tags too would ask for a permission more.
			TaggingDirective: types.TaggingDirectiveReplace,
		})
	} else {
		err = c.parts(ctx, partsWithin, c.partWithin)
	}
	switch status(err) {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", errNotWithin, err)
	case http.StatusNotFound, http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

func (c copier) partWithin(ctx context.Context, upload *string, number int32, from, to int64) (*string, error) {
	out, err := c.api.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket: &c.bucket, Key: &c.key, UploadId: upload, PartNumber: &number, RequestPayer: c.s.payer(),
		CopySource: aws.String(c.s.copySource()), CopySourceIfMatch: optional(c.s.etag),
		CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", from, to-1)),
	})
	if err != nil {
		return nil, err
	}
	return out.CopyPartResult.ETag, nil
}

// through reads the source and writes it, without holding more than a buffer.
func (c copier) through(ctx context.Context) error {
	if c.s.size > copyPart {
		return c.parts(ctx, partsThrough, c.partThrough)
	}
	_, err := c.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &c.bucket, Key: &c.key, Body: c.s.section(ctx, 0, c.s.size), ContentLength: &c.s.size,
	})
	return err
}

func (c copier) partThrough(ctx context.Context, upload *string, number int32, from, to int64) (*string, error) {
	out, err := c.api.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &c.bucket, Key: &c.key, UploadId: upload, PartNumber: &number,
		Body: c.s.section(ctx, from, to), ContentLength: aws.Int64(to - from),
	})
	if err != nil {
		return nil, err
	}
	return out.ETag, nil
}

// parts makes a multipart upload, each part of it by part, so many at a time.
func (c copier) parts(ctx context.Context, atATime int, part func(ctx context.Context, upload *string, number int32, from, to int64) (etag *string, err error)) (err error) {
	up, err := c.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &c.bucket, Key: &c.key})
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		// The upload is given up even when ctx has ended; what is missed here, the bucket's lifecycle cleans up.
		_, abortErr := c.api.AbortMultipartUpload(context.WithoutCancel(ctx), &s3.AbortMultipartUploadInput{
			Bucket: &c.bucket, Key: &c.key, UploadId: up.UploadId,
		})
		err = errors.Join(err, abortErr)
	}()
	step := max(copyPart, c.s.size/copyParts+1)
	parts := make([]types.CompletedPart, (c.s.size+step-1)/step)
	group, partCtx := errgroup.WithContext(ctx)
	group.SetLimit(atATime)
	for i := range parts {
		group.Go(func() error {
			at, number := int64(i)*step, int32(i+1)
			etag, err := part(partCtx, up.UploadId, number, at, min(at+step, c.s.size))
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
		Bucket: &c.bucket, Key: &c.key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return err
}

// copySource is the x-amz-copy-source header: the key URL-encoded, its slashes kept.
func (s *Source) copySource() string {
	c := s.bucket + "/" + strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s.key), "+", "%20"), "%2F", "/")
	if s.pinned {
		c += "?versionId=" + url.QueryEscape(s.versionID)
	}
	return c
}

// section is a range of the source that can be read again, as the SDK does for
// a checksum or another try.
type section struct {
	stream
	from int64
}

func (s *Source) section(ctx context.Context, from, to int64) *section {
	return &section{stream: stream{source: s, ctx: ctx, at: from, end: to}, from: from}
}

// Seek implements io.Seeker.
func (r *section) Seek(offset int64, whence int) (int64, error) {
	base := r.from
	switch whence {
	case io.SeekCurrent:
		base = r.at
	case io.SeekEnd:
		base = r.end
	}
	to := base + offset
	if to < r.from || to > r.end {
		return 0, fmt.Errorf("seek to byte %d of a range of %d to %d", to, r.from, r.end)
	}
	if to != r.at {
		// A body that is read no further: its error is of no interest.
		_ = r.Close()
		r.at, r.backoff = to, nil
	}
	return to - r.from, nil
}
