package s3source

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Bucket is how the objects of a bucket are read.
type Bucket struct {
	// API reads the bucket.
	API API
	// RequesterPays says that the reader pays for the requests and the transfer
	// ("Using Requester Pays general purpose buckets").
	RequesterPays bool
	// AssumedRole says that API has the credentials of another role than the
	// client that writes copies. S3 cannot copy an object between them then.
	AssumedRole bool
}

// Object is one version of one object, read by ranges or as a stream.
type Object struct {
	ctx    context.Context
	bucket Bucket
	name   string // of the bucket
	key    string
	// versionID is the object's version. It is sent with requests only if pinned:
	// reading a version by its ID takes s3:GetObjectVersion, which not every owner grants.
	versionID string
	pinned    bool
	etag      string // with quotes, as If-Match needs it
	size      int64
	modified  time.Time
	checksum  checksum
}

// Open opens an object of a bucket that api reads, see Bucket.Open.
func Open(ctx context.Context, api API, bucket, key, versionID, etag string) (*Object, error) {
	return Bucket{API: api}.Open(ctx, bucket, key, versionID, etag)
}

// Open reads the object's metadata. versionID and etag may be empty; where one is
// given and the bucket has another version by now, the error wraps ErrNotFound.
// Reads through the Object end with ctx.
func (b Bucket) Open(ctx context.Context, bucket, key, versionID, etag string) (*Object, error) {
	o := &Object{ctx: ctx, bucket: b, name: bucket, key: key, versionID: versionID, pinned: versionID != ""}
	out, err := o.head(ctx)
	if o.pinned && status(err) == http.StatusForbidden {
		o.pinned = false
		out, err = o.head(ctx)
	}
	if err != nil {
		return nil, o.wrap("read metadata", err)
	}
	o.etag = aws.ToString(out.ETag)
	if etag = strings.Trim(etag, `"`); versionID == "" && etag != "" && etag != o.ETag() {
		return nil, fmt.Errorf("%s: %w: its ETag is %s now, the event names %s", o.uri(), ErrNotFound, o.ETag(), etag)
	}
	if found := aws.ToString(out.VersionId); !o.pinned && found != "null" {
		if versionID != "" && found != versionID {
			return nil, fmt.Errorf("%s: %w: its version is %s now, the event names %s, and s3:GetObjectVersion is not allowed", o.uri(), ErrNotFound, found, versionID)
		}
		o.versionID = found
	}
	o.size = aws.ToInt64(out.ContentLength)
	o.modified = aws.ToTime(out.LastModified).UTC()
	o.checksum = checksumOf(out)
	return o, nil
}

func (o *Object) head(ctx context.Context) (*s3.HeadObjectOutput, error) {
	return o.bucket.API.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &o.name, Key: &o.key, VersionId: o.version(), RequestPayer: o.payer(), ChecksumMode: types.ChecksumModeEnabled,
	})
}

// version is the version ID that requests name, nil for none.
func (o *Object) version() *string {
	if !o.pinned {
		return nil
	}
	return &o.versionID
}

func (o *Object) payer() types.RequestPayer { return payer(o.bucket.RequesterPays) }

func payer(requester bool) types.RequestPayer {
	if requester {
		return types.RequestPayerRequester
	}
	return ""
}

// Size is the object's length in bytes.
func (o *Object) Size() int64 { return o.size }

// ETag is the object's entity tag, without quotes.
func (o *Object) ETag() string { return strings.Trim(o.etag, `"`) }

// VersionID is the object's version, empty in a bucket without versioning.
func (o *Object) VersionID() string { return o.versionID }

// Modified is when the object was last modified, in UTC.
func (o *Object) Modified() time.Time { return o.modified }

func (o *Object) uri() string { return "s3://" + o.name + "/" + o.key }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
