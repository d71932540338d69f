package s3source

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
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// ListedObject is the current version of an object as a listing has it.
type ListedObject struct {
	Key string
	// ETag is without quotes.
	ETag string
	// VersionID is empty in a bucket without versioning, and where
	// s3:ListBucketVersions is not allowed.
	VersionID string
	// Size is in bytes.
	Size int64
	// Modified is when the object was put, in UTC and whole seconds.
	Modified time.Time
}

// ListInput selects what List lists.
type ListInput struct {
	Bucket string
	// Prefix limits the listing to keys that start with it; empty means all.
	Prefix string
	// After limits it to keys greater than this one; empty means all.
	After string
	// RequesterPays says that the caller pays for the requests.
	RequesterPays bool
	// OnPage, unless it is nil, is called after each page of versions with the key
	// up to which everything is listed: a page may have nothing but old versions and
	// delete markers. The listing ends when it returns false.
	OnPage func(key string) bool
}

// List lists the current versions of the objects of a bucket in the order of their
// keys' UTF-8 bytes, in pages of a thousand, until its first error, which it yields
// last. Objects whose current version is a delete marker are left out. It needs
// s3:ListBucketVersions or, where that is not allowed, s3:ListBucket.
func List(ctx context.Context, api ListAPI, in ListInput) iter.Seq2[ListedObject, error] {
	return func(yield func(ListedObject, error) bool) {
		l := lister{ctx: ctx, api: api, in: in, last: in.After, payer: payer(in.RequesterPays)}
		err := l.versions(yield)
		if errors.Is(err, errNoVersions) {
			err = l.objects(yield)
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(ListedObject{}, fmt.Errorf("list s3://%s/%s: %w", in.Bucket, in.Prefix, err))
		}
	}
}

var (
	// errStop ends a listing because its consumer has stopped.
	errStop = errors.New("stopped")
	// errNoVersions means that versions cannot be listed: it is not allowed, or the
	// store does not implement it.
	errNoVersions = errors.New("versions cannot be listed")
)

type lister struct {
	ctx   context.Context
	api   ListAPI
	in    ListInput
	payer types.RequestPayer
	last  string // key
}

// versions lists by ListObjectVersions, which has the version IDs.
func (l *lister) versions(yield func(ListedObject, error) bool) error {
	in := &s3.ListObjectVersionsInput{
		Bucket: &l.in.Bucket, Prefix: optional(l.in.Prefix), KeyMarker: optional(l.in.After),
		// A key may have characters that XML does not allow.
		EncodingType: types.EncodingTypeUrl, RequestPayer: l.payer,
	}
	for first := true; ; first = false {
		out, err := l.api.ListObjectVersions(l.ctx, in)
		if err != nil {
			if first && notSupported(err) {
				return errNoVersions
			}
			return err
		}
		for _, v := range out.Versions {
			if !aws.ToBool(v.IsLatest) {
				continue
			}
			o := ListedObject{
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
		if l.in.OnPage != nil && !l.in.OnPage(marker) {
			return errStop
		}
		in.KeyMarker, in.VersionIdMarker = &marker, out.NextVersionIdMarker
	}
}

// objects lists by ListObjectsV2.
func (l *lister) objects(yield func(ListedObject, error) bool) error {
	pages := s3.NewListObjectsV2Paginator(l.api, &s3.ListObjectsV2Input{
		Bucket: &l.in.Bucket, Prefix: optional(l.in.Prefix), StartAfter: optional(l.in.After),
		EncodingType: types.EncodingTypeUrl, RequestPayer: l.payer,
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(l.ctx)
		if err != nil {
			return err
		}
		for _, c := range out.Contents {
			o := ListedObject{ETag: aws.ToString(c.ETag), Size: aws.ToInt64(c.Size), Modified: aws.ToTime(c.LastModified)}
			if err := l.yield(yield, aws.ToString(c.Key), out.EncodingType, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *lister) yield(yield func(ListedObject, error) bool, key string, encoding types.EncodingType, o ListedObject) error {
	key, err := decode(key, encoding)
	if err != nil {
		return err
	}
	if key <= l.last {
		if key <= l.in.After {
			return nil // some stores include the marker itself
		}
		// A directory bucket lists in no order. A caller that merges the listing with
		// another ordered list would miss objects.
		return fmt.Errorf("key %q is listed after %q: the bucket does not list in the order of keys, as general purpose buckets do", key, l.last)
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
	decoded, err := url.QueryUnescape(key)
	if err != nil {
		return "", fmt.Errorf("key %q of the listing is not URL-encoded: %w", key, err)
	}
	return decoded, nil
}

// notSupported reports whether an operation is not allowed or not implemented,
// so that another one may succeed.
func notSupported(err error) bool {
	switch status(err) {
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}
