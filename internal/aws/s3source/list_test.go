package s3source_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/testing/fake"
)

// keys sort differently as UTF-16 or without regard to case, or have characters
// that XML or a URL would change.
var keys = []string{
	"a", "a b", "a%20b", "a+b", "a/b", "a//b", "b\x01", "b\r\n", "\uffee", "😀", "é", "Z", "~",
}

func list(t *testing.T, api s3source.ListAPI, r s3source.ListInput) []s3source.ListedObject {
	t.Helper()
	var all []s3source.ListedObject
	for o, err := range s3source.List(t.Context(), api, r) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

func names(objects []s3source.ListedObject) []string {
	var all []string
	for _, o := range objects {
		all = append(all, o.Key)
	}
	return all
}

func TestObjectsInOrder(t *testing.T) {
	sorted := slices.Clone(keys)
	slices.Sort(sorted) // Go compares strings by bytes, as S3 and DynamoDB do
	for name, bucket := range map[string]*fake.S3{
		"versions":    {PageSize: 3},
		"no versions": {PageSize: 3, ForbidVersions: true},
		"one page":    {},
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range keys {
				bucket.Set("b", key, []byte("old"))
				bucket.Set("b", key, []byte(key))
			}
			bucket.Set("b", "deleted", nil)
			bucket.Delete("b", "deleted")
			got := list(t, bucket, s3source.ListInput{Bucket: "b"})
			if !slices.Equal(names(got), sorted) {
				t.Errorf("listed %q, want %q", names(got), sorted)
			}
			for _, o := range got {
				if body, _ := bucket.Get("b", o.Key); o.ETag == "" || strings.Contains(o.ETag, `"`) || o.Size != int64(len(body)) || o.Modified.IsZero() || o.VersionID != "" {
					t.Errorf("object %+v of %d bytes", o, len(body))
				}
			}
			for i, after := range sorted {
				if got := names(list(t, bucket, s3source.ListInput{Bucket: "b", After: after})); !slices.Equal(got, sorted[i+1:]) {
					t.Errorf("after %q: %q", after, got)
				}
			}
			if got := names(list(t, bucket, s3source.ListInput{Bucket: "b", Prefix: "a/", After: "a/"})); !slices.Equal(got, []string{"a//b", "a/b"}) {
				t.Errorf("by prefix: %q", got)
			}
			for range s3source.List(t.Context(), bucket, s3source.ListInput{Bucket: "b"}) {
				break // nothing is yielded after this
			}
		})
	}
}

// The requests and responses as S3 documents them: URL-encoded markers are decoded;
// old versions and delete markers are left out.
func TestListVersionsRequests(t *testing.T) {
	var requests []url.Values
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r.URL.Query())
		if r.Header.Get("X-Amz-Request-Payer") != "requester" {
			t.Errorf("header %v", r.Header)
		}
		if len(requests) == 1 {
			fmt.Fprint(w, `<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
				<NextKeyMarker>a+b%2Bc</NextKeyMarker><NextVersionIdMarker>v2</NextVersionIdMarker>
				<Version><Key>a+b%2Bc</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest><ETag>"e"</ETag><Size>5</Size><LastModified>2026-03-01T12:00:00.000Z</LastModified></Version>
			</ListVersionsResult>`)
			return
		}
		fmt.Fprint(w, `<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>
			<Version><Key>a+b%2Bc</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest></Version>
			<DeleteMarker><Key>b</Key><VersionId>v4</VersionId><IsLatest>true</IsLatest></DeleteMarker>
			<Version><Key>b</Key><VersionId>v3</VersionId><IsLatest>false</IsLatest></Version>
			<Version><Key>c</Key><VersionId>null</VersionId><IsLatest>true</IsLatest></Version></ListVersionsResult>`)
	})
	got := list(t, client, s3source.ListInput{Bucket: "b", RequesterPays: true})
	want := []s3source.ListedObject{
		{Key: "a b+c", VersionID: "v2", ETag: "e", Size: 5, Modified: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
		{Key: "c", Modified: time.Time{}.UTC()},
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %+v", got)
	}
	if len(requests) != 2 || requests[1].Get("key-marker") != "a b+c" || requests[1].Get("version-id-marker") != "v2" || requests[0].Get("encoding-type") != "url" {
		t.Errorf("requests %v", requests)
	}
}

func TestErrors(t *testing.T) {
	fails := func(name string, api s3source.ListAPI, want string) {
		t.Helper()
		var errs []error
		for _, err := range s3source.List(t.Context(), api, s3source.ListInput{Bucket: "b", Prefix: "p/"}) {
			if err != nil {
				errs = append(errs, err)
			}
		}
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: errors %v, want %q once", name, errs, want)
		}
	}
	fails("forbidden", serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }), "list s3://b/p/: ")
	fails("unordered", serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<ListVersionsResult><Version><Key>p</Key><IsLatest>true</IsLatest></Version><Version><Key>o</Key><IsLatest>true</IsLatest></Version></ListVersionsResult>`)
	}), "the order of keys")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s3source.List(canceled, serve(t, nil), s3source.ListInput{Bucket: "b"}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	}
}

func serve(t *testing.T, handle http.HandlerFunc) *s3.Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL), UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
}
