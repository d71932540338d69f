package local

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// oddKeys are in the order of their UTF-8 bytes. In that of UTF-16, the last two would
// be swapped.
var oddKeys = []string{
	" leading space", "../up", "../up/and ../up", "./here", "a", "a b+c", "a%20b", "a\nb", "a\tb", "a&b<c>\"d'", "a/", "a//b", "a/b/c.json", "a/b\\c",
	"a?x=y#z", "a{b}[c]^|`~", "b=1/part-0.json", "é", "日本.zip", "\ufffd", "😀",
}

func (f *fixture) list(in *s3.ListObjectsV2Input) *s3.ListObjectsV2Output {
	f.Helper()
	in.EncodingType = s3types.EncodingTypeUrl
	out, err := f.s3.ListObjectsV2(f.Context(), in)
	if err != nil {
		f.Fatal(err)
	}
	return out
}

// names are the keys and then the common prefixes of a page, decoded.
func (f *fixture) names(out *s3.ListObjectsV2Output) []string {
	f.Helper()
	decode := func(s *string) string {
		name, err := url.QueryUnescape(aws.ToString(s))
		if err != nil {
			f.Fatal(err)
		}
		return name
	}
	var all []string
	for _, o := range out.Contents {
		all = append(all, decode(o.Key))
	}
	for _, p := range out.CommonPrefixes {
		all = append(all, decode(p.Prefix))
	}
	return all
}

func TestListingOfAnyKeys(t *testing.T) {
	f := sharedFixture(t)
	bucket := aws.String(f.createBucket("odd"))
	slices.Sort(oddKeys) // Go's order of texts is that of their bytes
	for _, key := range oddKeys {
		f.put("odd", key, key)
	}
	for _, key := range oddKeys {
		out, err := f.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: &key})
		if err != nil {
			t.Errorf("%q: %v", key, err)
			continue
		}
		if body, err := io.ReadAll(out.Body); err != nil || string(body) != key {
			t.Errorf("%q has the body %q, %v", key, body, err)
		}
		closeQuietly(out.Body)
	}
	if got := f.names(f.list(&s3.ListObjectsV2Input{Bucket: bucket})); !slices.Equal(got, oddKeys) {
		t.Errorf("listed %q,\nwant %q", got, oddKeys)
	}
	for i, key := range oddKeys {
		if got := f.names(f.list(&s3.ListObjectsV2Input{Bucket: bucket, StartAfter: &key})); !slices.Equal(got, oddKeys[i+1:]) {
			t.Errorf("after %q: %q", key, got)
		}
		if got := f.names(f.list(&s3.ListObjectsV2Input{Bucket: bucket, Prefix: &key, MaxKeys: aws.Int32(1)})); !slices.Equal(got, oddKeys[i:i+1]) {
			t.Errorf("with the prefix %q: %q", key, got)
		}
	}

	// Page by page, while the objects of the previous pages are deleted.
	var all []string
	for token := (*string)(nil); ; {
		out := f.list(&s3.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(4), ContinuationToken: token, StartAfter: &oddKeys[0]})
		page := f.names(out)
		all = append(all, page...)
		if int(aws.ToInt32(out.KeyCount)) != len(page) || len(page) > 4 {
			t.Errorf("a page of %q has the KeyCount %d", page, aws.ToInt32(out.KeyCount))
		}
		for _, key := range page {
			if _, err := f.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: &key}); err != nil {
				t.Fatal(err)
			}
		}
		if token = out.NextContinuationToken; !aws.ToBool(out.IsTruncated) {
			break
		}
	}
	if !slices.Equal(all, oddKeys[1:]) {
		t.Errorf("page by page %q,\nwant %q", all, oddKeys[1:])
	}
	for _, token := range []string{"?", "YWJj!", "_w=="} {
		if _, err := f.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, ContinuationToken: &token}); err == nil {
			t.Errorf("the token %s is invalid, but was accepted", token)
		}
	}
}

func TestListingByDelimiter(t *testing.T) {
	f := sharedFixture(t)
	bucket := aws.String(f.createBucket("deep"))
	for _, key := range []string{"a", "a/1", "a/2", "b/1", "b/c/1", "c", "d/1"} {
		f.put("deep", key, "x")
	}
	if _, err := f.s3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}}); err != nil {
		t.Fatal(err)
	}
	// With delete markers, c and d/ no longer exist.
	for _, key := range []string{"c", "d/1"} {
		if _, err := f.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		prefix string
		pages  [][]string
	}{
		{"", [][]string{{"a", "a/"}, {"b/"}}},
		{"b/", [][]string{{"b/1", "b/c/"}}},
		{"none", [][]string{nil}},
	} {
		var pages [][]string
		for token := (*string)(nil); ; {
			out := f.list(&s3.ListObjectsV2Input{Bucket: bucket, Prefix: &tc.prefix, Delimiter: aws.String("/"), MaxKeys: aws.Int32(2), ContinuationToken: token})
			pages = append(pages, f.names(out))
			if token = out.NextContinuationToken; token == nil {
				break
			}
		}
		if fmt.Sprint(pages) != fmt.Sprint(tc.pages) {
			t.Errorf("below %q: %q, want %q", tc.prefix, pages, tc.pages)
		}
	}
}

// TestListingOfManyObjects lists a large bucket page by page.
func TestListingOfManyObjects(t *testing.T) {
	const objects = 100_000
	f := sharedFixture(t)
	bucket := aws.String(f.createBucket("many"))
	var keys []string
	for i := range objects {
		keys = append(keys, fmt.Sprintf("in/%07d.json", i))
	}
	if err := f.env.FillBucket(t.Context(), *bucket, keys, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	began, seen := time.Now(), 0
	for token := (*string)(nil); ; {
		out := f.list(&s3.ListObjectsV2Input{Bucket: bucket, ContinuationToken: token})
		page := f.names(out)
		if !slices.Equal(page, keys[seen:min(seen+1000, objects)]) {
			t.Fatalf("the page after %d objects is %q", seen, page)
		}
		seen += len(page)
		if token = out.NextContinuationToken; token == nil {
			break
		}
	}
	took := time.Since(began)
	t.Logf("%d objects listed in %v", seen, took)
	if seen != objects || took > time.Minute {
		t.Errorf("%d objects listed in %v, want %d in a few seconds", seen, took, objects)
	}
	if err := f.env.FillBucket(t.Context(), "none", keys[:1], nil); err == nil {
		t.Error("filled a bucket that does not exist")
	}
}
