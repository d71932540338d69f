package s3source

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// ReadWhole is Open for a small object: it also reads all of it, in the same request. The
// body is nil for an object of more than limit bytes. The client compares the body with
// the checksum that S3 has.
func (b Bucket) ReadWhole(ctx context.Context, bucket, key, versionID, etag string, limit int64) (o *Object, body []byte, err error) {
	o = &Object{ctx: ctx, bucket: b, name: bucket, key: key, versionID: versionID, pinned: versionID != ""}
	if versionID == "" && etag != "" {
		o.etag = `"` + etag + `"`
	}
	out, err := o.whole(ctx)
	if o.pinned && status(err) == http.StatusForbidden {
		o.pinned = false
		out, err = o.whole(ctx)
	}
	if err != nil {
		return nil, nil, o.wrap("read", err)
	}
	defer func() { _ = out.Body.Close() }() // read to its end, or not needed
	if found := aws.ToString(out.VersionId); !o.pinned && found != "null" {
		if versionID != "" && found != versionID {
			return nil, nil, fmt.Errorf("%s: %w: its version is %s now, the event names %s, and s3:GetObjectVersion is not allowed", o.uri(), ErrNotFound, found, versionID)
		}
		o.versionID = found
	}
	o.etag, o.size, o.modified = aws.ToString(out.ETag), aws.ToInt64(out.ContentLength), aws.ToTime(out.LastModified).UTC()
	if o.size > limit {
		return o, nil, nil
	}
	body = make([]byte, o.size)
	if _, err = io.ReadFull(out.Body, body); err == nil {
		_, err = io.Copy(io.Discard, out.Body) // the checksum is compared at the end
	}
	if err == nil || ctx.Err() != nil {
		return o, body, err
	}
	// The connection broke.
	whole, err := o.Open(ctx)
	if err == nil {
		body, err = io.ReadAll(whole)
	}
	return o, body, err
}

func (o *Object) whole(ctx context.Context) (*s3.GetObjectOutput, error) {
	return o.bucket.API.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &o.name, Key: &o.key, VersionId: o.version(), IfMatch: optional(o.etag), RequestPayer: o.payer(),
		ChecksumMode: types.ChecksumModeEnabled,
	})
}
