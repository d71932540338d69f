// Package listing lists the current objects of a bucket in the order of their
// keys' bytes, a page of a thousand at a time.
package listing

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// API is what the package needs of an S3 client.
type API interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	ListObjectVersions(context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options)) (*s3.ListObjectVersionsOutput, error)
}

// Object is an object as a listing has it.
type Object struct {
	Key string
	// ETag is without quotes.
	ETag string
	// VersionID is empty in a bucket without versions, and where the lister may
	// not see them.
	VersionID string
	// Size is in bytes.
	Size int64
	// Modified is when the object was put, in UTC and whole seconds.
	Modified time.Time
}

// Range says what is listed.
type Range struct {
	Bucket string
	// Prefix limits the listing to keys that start with it; empty means all.
	Prefix string
	// After limits it to the keys behind one; empty means all.
	After string
	// RequesterPays says that the bucket's owner has whoever lists it pay.
	RequesterPays bool
	// Passed, unless it is nil, is called where a page of versions ends, with a key
	// behind which nothing is listed yet: pages may have nothing but what was
	// deleted or replaced. The listing ends when it returns false.
	Passed func(key string) bool
}

// Objects lists the objects of r until its first error, which it yields. Only
// the current version of each counts, and none whose current version is a
// delete marker. Versions are listed where s3:ListBucketVersions is allowed,
// else s3:ListBucket has to be.
func Objects(ctx context.Context, api API, r Range) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		l := lister{ctx: ctx, api: api, r: r, last: r.After}
		l.payer = types.RequestPayer("")
		if r.RequesterPays {
			l.payer = types.RequestPayerRequester
		}
		err := l.versions(yield)
		if errors.Is(err, errNoVersions) {
			err = l.objects(yield)
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(Object{}, fmt.Errorf("list s3://%s/%s: %w", r.Bucket, r.Prefix, err))
		}
	}
}

var (
	// errStop ends a listing that nobody wants more of.
	errStop = errors.New("enough")
	// errNoVersions says that versions cannot be listed: it is not allowed, or
	// the store has none.
	errNoVersions = errors.New("versions cannot be listed")
)

type lister struct {
	ctx   context.Context
	api   API
	r     Range
	payer types.RequestPayer
	last  string // key
}

func (l *lister) versions(yield func(Object, error) bool) error {
	in := &s3.ListObjectVersionsInput{
		Bucket: &l.r.Bucket, Prefix: optional(l.r.Prefix), KeyMarker: optional(l.r.After),
		// Keys may have characters that XML has not.
		EncodingType: types.EncodingTypeUrl, RequestPayer: l.payer,
	}
	for first := true; ; first = false {
		out, err := l.api.ListObjectVersions(l.ctx, in)
		if err != nil {
			if first && refused(err) {
				return errNoVersions
			}
			return err
		}
		for _, v := range out.Versions {
			if !aws.ToBool(v.IsLatest) {
				continue
			}
			o := Object{
				ETag: aws.ToString(v.ETag), VersionID: aws.ToString(v.VersionId),
				Size: aws.ToInt64(v.Size), Modified: aws.ToTime(v.LastModified),
			}
			if err := l.yield(yield, aws.ToString(v.Key), out.EncodingType, o); err != nil {
				return err
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		marker, err := decode(aws.ToString(out.NextKeyMarker), out.EncodingType)
		if err != nil {
			return err
		}
		if l.r.Passed != nil && !l.r.Passed(marker) {
			return errStop
		}
		in.KeyMarker, in.VersionIdMarker = &marker, out.NextVersionIdMarker
	}
}

func (l *lister) objects(yield func(Object, error) bool) error {
	pages := s3.NewListObjectsV2Paginator(l.api, &s3.ListObjectsV2Input{
		Bucket: &l.r.Bucket, Prefix: optional(l.r.Prefix), StartAfter: optional(l.r.After),
		EncodingType: types.EncodingTypeUrl, RequestPayer: l.payer,
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(l.ctx)
		if err != nil {
			return err
		}
		for _, c := range out.Contents {
			o := Object{ETag: aws.ToString(c.ETag), Size: aws.ToInt64(c.Size), Modified: aws.ToTime(c.LastModified)}
			if err := l.yield(yield, aws.ToString(c.Key), out.EncodingType, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *lister) yield(yield func(Object, error) bool, key string, encoding types.EncodingType, o Object) error {
	key, err := decode(key, encoding)
	if err != nil {
		return err
	}
	if key <= l.last {
		if key <= l.r.After {
			return nil // not every store leaves the marker itself out
		}
		// A directory bucket lists in no order: to merge it with what is known
		// would lose objects.
		return fmt.Errorf("key %q comes after %q: the bucket does not list in the order of keys, as general purpose buckets do", key, l.last)
	}
	l.last = key
	o.Key, o.ETag, o.Modified = key, strings.Trim(o.ETag, `"`), o.Modified.UTC()
	if o.VersionID == "null" {
		o.VersionID = ""
	}
	if !yield(o, nil) {
		return errStop
	}
	return nil
}

func decode(key string, encoding types.EncodingType) (string, error) {
	if encoding != types.EncodingTypeUrl {
		return key, nil
	}
	plain, err := url.QueryUnescape(key)
	if err != nil {
		return "", fmt.Errorf("key %q of the listing is not URL-encoded: %w", key, err)
	}
	return plain, nil
}

// refused reports an answer that another call may not get: not allowed, not
// known to the store.
func refused(err error) bool {
	var re *awshttp.ResponseError
	if !errors.As(err, &re) {
		return false
	}
	switch re.HTTPStatusCode() {
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
