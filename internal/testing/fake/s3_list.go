package fake

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// page returns the keys of one page of a listing, which begins after a key, and
// whether more pages follow.
func (f *S3) page(bucket, prefix, after string) (keys []string, more bool, err error) {
	if f.FailList != nil {
		if err := f.FailList(bucket, after); err != nil {
			return nil, false, err
		}
	}
	for _, key := range f.Keys(bucket, prefix) {
		if key <= after {
			continue
		}
		if f.PageSize > 0 && len(keys) == f.PageSize {
			return keys, true, nil
		}
		keys = append(keys, key)
	}
	return keys, false, nil
}

// ListObjectsV2 implements the method of the SDK's client. Its continuation
// token is the last key of the page before.
func (f *S3) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	after := aws.ToString(in.StartAfter)
	if in.ContinuationToken != nil {
		after = *in.ContinuationToken
	}
	keys, more, err := f.page(*in.Bucket, aws.ToString(in.Prefix), after)
	if err != nil {
		return nil, err
	}
	out := &s3.ListObjectsV2Output{EncodingType: types.EncodingTypeUrl, IsTruncated: &more}
	for _, key := range keys {
		o, err := f.find(in.Bucket, &key, nil)
		if err != nil {
			continue // deleted meanwhile
		}
		out.Contents = append(out.Contents, types.Object{
			Key: escaped(key), ETag: aws.String(`"` + o.etag + `"`), Size: aws.Int64(o.size), LastModified: &o.modified,
		})
	}
	if more {
		out.NextContinuationToken = &keys[len(keys)-1]
	}
	return out, nil
}

// ListObjectVersions implements the method of the SDK's client: each object has
// one version, named null.
func (f *S3) ListObjectVersions(_ context.Context, in *s3.ListObjectVersionsInput, _ ...func(*s3.Options)) (*s3.ListObjectVersionsOutput, error) {
	if f.ForbidVersions {
		return nil, responseError(http.StatusForbidden)
	}
	keys, more, err := f.page(*in.Bucket, aws.ToString(in.Prefix), aws.ToString(in.KeyMarker))
	if err != nil {
		return nil, err
	}
	out := &s3.ListObjectVersionsOutput{EncodingType: types.EncodingTypeUrl, IsTruncated: &more}
	for _, key := range keys {
		o, err := f.find(in.Bucket, &key, nil)
		if err != nil {
			continue // deleted meanwhile
		}
		out.Versions = append(out.Versions, types.ObjectVersion{
			Key: escaped(key), ETag: aws.String(`"` + o.etag + `"`), Size: aws.Int64(o.size), LastModified: &o.modified,
			IsLatest: aws.Bool(true), VersionId: aws.String("null"),
		})
	}
	if more {
		out.NextKeyMarker = escaped(keys[len(keys)-1])
	}
	return out, nil
}

func escaped(key string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(key), "%2F", "/"))
}
