// Package s3io reads source objects from S3 and writes objects to it.
package s3source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"example.com/ingestion/internal/retry"
)

// API is what the package needs of an S3 client.
type API interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	CopyObject(context.Context, *s3.CopyObjectInput, ...func(*s3.Options)) (*s3.CopyObjectOutput, error)
	CreateMultipartUpload(context.Context, *s3.CreateMultipartUploadInput, ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error)
	UploadPart(context.Context, *s3.UploadPartInput, ...func(*s3.Options)) (*s3.UploadPartOutput, error)
	UploadPartCopy(context.Context, *s3.UploadPartCopyInput, ...func(*s3.Options)) (*s3.UploadPartCopyOutput, error)
	CompleteMultipartUpload(context.Context, *s3.CompleteMultipartUploadInput, ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error)
	AbortMultipartUpload(context.Context, *s3.AbortMultipartUploadInput, ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error)
}

var (
	// ErrGone means that the version of the object that was asked for is not there
	// any more: it was deleted or, in a bucket without versions, overwritten.
	ErrGone = errors.New("the object's version is gone")
	// ErrArchived means that the object has to be restored before it can be read.
	ErrArchived = errors.New("the object is archived")
)

// Source is one version of one object, read by ranges or as a stream. It never
// mixes two versions: every request names the ETag, and the version where the
// caller has named it.
type Source struct {
	ctx    context.Context
	origin Origin
	bucket string
	key    string
	// versionID is the object's, pinned whether requests name it: to read a
	// version takes a permission of its own, which not every owner gives.
	versionID string
	pinned    bool
	etag      string // with quotes, as If-Match wants it
	size      int64
	modified  time.Time
}

// Origin is how the objects of a bucket are read.
type Origin struct {
	// API reads the bucket.
	API API
	// RequesterPays says that the bucket's owner has whoever reads it pay.
	RequesterPays bool
	// Foreign says that API has not the credentials that write copies: S3 cannot
	// copy by itself then.
	Foreign bool
}

// OpenSource opens an object of a bucket that api reads, see Origin.Open.
func OpenSource(ctx context.Context, api API, bucket, key, versionID, etag string) (*Source, error) {
	return Origin{API: api}.Open(ctx, bucket, key, versionID, etag)
}

// Open looks the object up. VersionID and etag may be empty; where one is
// given and the object is another by now, the error wraps ErrGone. Reads through
// the Source end with ctx.
func (o Origin) Open(ctx context.Context, bucket, key, versionID, etag string) (*Source, error) {
	s := &Source{ctx: ctx, origin: o, bucket: bucket, key: key, versionID: versionID, pinned: versionID != ""}
	out, err := s.head(ctx)
	if s.pinned && status(err) == http.StatusForbidden {
		s.pinned = false
		out, err = s.head(ctx)
	}
	if err != nil {
		return nil, s.wrap("look up", err)
	}
	s.etag = aws.ToString(out.ETag)
	if etag = strings.Trim(etag, `"`); versionID == "" && etag != "" && etag != s.ETag() {
		return nil, fmt.Errorf("%s: %w: its ETag is %s now, the event says %s", s.uri(), ErrGone, s.ETag(), etag)
	}
	if found := aws.ToString(out.VersionId); !s.pinned && found != "null" {
		if versionID != "" && found != versionID {
			return nil, fmt.Errorf("%s: %w: its version is %s now, the event says %s, and s3:GetObjectVersion is not allowed", s.uri(), ErrGone, found, versionID)
		}
		s.versionID = found
	}
	s.size = aws.ToInt64(out.ContentLength)
	s.modified = aws.ToTime(out.LastModified).UTC()
	return s, nil
}

func (s *Source) head(ctx context.Context) (*s3.HeadObjectOutput, error) {
	return s.origin.API.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &s.bucket, Key: &s.key, VersionId: s.version(), RequestPayer: s.payer(),
	})
}

// version is what requests name.
func (s *Source) version() *string {
	if !s.pinned {
		return nil
	}
	return &s.versionID
}

func (s *Source) payer() types.RequestPayer {
	if s.origin.RequesterPays {
		return types.RequestPayerRequester
	}
	return ""
}

// Size is the object's length in bytes.
func (s *Source) Size() int64 { return s.size }

// ETag is the object's entity tag, without quotes.
func (s *Source) ETag() string { return strings.Trim(s.etag, `"`) }

// VersionID is the object's version, empty in a bucket without versions.
func (s *Source) VersionID() string { return s.versionID }

// Modified is when the object was last modified.
func (s *Source) Modified() time.Time { return s.modified }

func (s *Source) uri() string { return "s3://" + s.bucket + "/" + s.key }

func (s *Source) get(ctx context.Context, from, to int64) (io.ReadCloser, error) {
	in := &s3.GetObjectInput{
		Bucket: &s.bucket, Key: &s.key, VersionId: s.version(), IfMatch: optional(s.etag), RequestPayer: s.payer(),
	}
	if from > 0 || to < s.size {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", from, to-1))
	}
	out, err := s.origin.API.GetObject(ctx, in)
	if err != nil {
		return nil, s.wrap("read", err)
	}
	return out.Body, nil
}

// ReadAt reads the range of len(p) bytes at off, by one request.
func (s *Source) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= s.size {
		return 0, io.EOF
	}
	to := min(off+int64(len(p)), s.size)
	r := &stream{source: s, ctx: s.ctx, at: off, end: to}
	defer func() { _ = r.Close() }() // a body that was read; its error came with the read
	n, err := io.ReadFull(r, p[:to-off])
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Open streams the object from its first byte. A connection that breaks is
// resumed where it broke.
func (s *Source) Open(ctx context.Context) (io.ReadCloser, error) {
	return &stream{source: s, ctx: ctx, end: s.size}, nil
}

type stream struct {
	source  *Source
	ctx     context.Context
	body    io.ReadCloser
	at, end int64
	// backoff counts the breaks since the last byte.
	backoff *retry.Backoff
}

func (r *stream) Read(p []byte) (int, error) {
	for {
		if r.at >= r.end {
			return 0, io.EOF
		}
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		if r.body == nil {
			body, err := r.source.get(r.ctx, r.at, r.end)
			if err != nil {
				return 0, err
			}
			r.body = body
		}
		n, err := r.body.Read(p)
		r.at += int64(n)
		if n > 0 {
			if r.backoff != nil {
				r.backoff.Reset()
			}
			return n, nil
		}
		if err == nil {
			continue
		}
		// Here the body ended or broke before its last byte: only the count of
		// bytes tells a whole object from a cut one.
		_ = r.body.Close()
		r.body = nil
		if r.backoff == nil {
			r.backoff = retry.Connection.Start()
		}
		switch waitErr := r.backoff.Wait(r.ctx); {
		case errors.Is(waitErr, retry.ErrExhausted):
			return 0, fmt.Errorf("%s: read broke %d times at byte %d of %d: %w", r.source.uri(), r.backoff.Attempts(), r.at, r.end, noEOF(err))
		case waitErr != nil:
			return 0, waitErr
		}
	}
}

// noEOF keeps a broken connection from looking like the end of the data.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("connection closed")
	}
	return err
}

func (r *stream) Close() error {
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	return err
}

func (s *Source) wrap(doing string, err error) error {
	switch status(err) {
	case http.StatusNotFound, http.StatusPreconditionFailed:
		return fmt.Errorf("%s: %w: %w", s.uri(), ErrGone, err)
	case http.StatusForbidden:
		var api smithy.APIError
		if errors.As(err, &api) && api.ErrorCode() == "InvalidObjectState" {
			return fmt.Errorf("%s: %w: restore it, then replay the upload: %w", s.uri(), ErrArchived, err)
		}
		return fmt.Errorf("%s: %s: the function's role, the bucket's policy or the key's policy does not allow it: %w", s.uri(), doing, err)
	}
	return fmt.Errorf("%s: %s: %w", s.uri(), doing, err)
}

func status(err error) int {
	var re *awshttp.ResponseError
	if errors.As(err, &re) {
		return re.HTTPStatusCode()
	}
	return 0
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
