package listing_test

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

	"example.com/ingestion/internal/aws/listing"
	"example.com/ingestion/internal/testing/fake"
)

// Keys that sort in another way as UTF-16 or without regard to case, or that
// XML or a URL would change.
var keys = []string{
	"a", "a b", "a%20b", "a+b", "a/b", "a//b", "b\x01", "b\r\n", "\uffee", "😀", "é", "Z", "~",
}

func list(t *testing.T, api listing.API, r listing.Range) []listing.Object {
	t.Helper()
	var all []listing.Object
	for o, err := range listing.Objects(t.Context(), api, r) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

func names(objects []listing.Object) []string {
	var all []string
	for _, o := range objects {
		all = append(all, o.Key)
	}
	return all
}

func TestObjectsInOrder(t *testing.T) {
	sorted := slices.Clone(keys)
	slices.Sort(sorted) // Go compares strings by bytes, as S3 and DynamoDB do
	for name, world := range map[string]*fake.S3{
		"versions":    {PageSize: 3},
		"no versions": {PageSize: 3, ForbidVersions: true},
		"one page":    {},
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range keys {
				world.Set("b", key, []byte("old"))
				world.Set("b", key, []byte(key))
			}
			world.Set("b", "gone", nil)
			world.Delete("b", "gone")
			got := list(t, world, listing.Range{Bucket: "b"})
			if !slices.Equal(names(got), sorted) {
				t.Errorf("listed %q, want %q", names(got), sorted)
			}
			for _, o := range got {
				if body, _ := world.Get("b", o.Key); o.ETag == "" || strings.Contains(o.ETag, `"`) || o.Size != int64(len(body)) || o.Modified.IsZero() || o.VersionID != "" {
					t.Errorf("object %+v of %d bytes", o, len(body))
				}
			}
			for i, after := range sorted {
				if got := names(list(t, world, listing.Range{Bucket: "b", After: after})); !slices.Equal(got, sorted[i+1:]) {
					t.Errorf("after %q: %q", after, got)
				}
			}
			if got := names(list(t, world, listing.Range{Bucket: "b", Prefix: "a/", After: "a/"})); !slices.Equal(got, []string{"a//b", "a/b"}) {
				t.Errorf("by prefix: %q", got)
			}
			for range listing.Objects(t.Context(), world, listing.Range{Bucket: "b"}) {
				break // the rest is not listed, and nothing is yielded after it
			}
		})
	}
}

// The requests themselves, as S3 documents them: url-encoded markers come back
// decoded, versions that are not the latest and delete markers are left out.
func TestVersionsOnTheWire(t *testing.T) {
	var asked []url.Values
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query())
		if r.Header.Get("X-Amz-Request-Payer") != "requester" {
			t.Errorf("header %v", r.Header)
		}
		if len(asked) == 1 {
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
	got := list(t, client, listing.Range{Bucket: "b", RequesterPays: true})
	want := []listing.Object{
		{Key: "a b+c", VersionID: "v2", ETag: "e", Size: 5, Modified: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
		{Key: "c", Modified: time.Time{}.UTC()},
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %+v", got)
	}
	if len(asked) != 2 || asked[1].Get("key-marker") != "a b+c" || asked[1].Get("version-id-marker") != "v2" || asked[0].Get("encoding-type") != "url" {
		t.Errorf("asked %v", asked)
	}
}

func TestErrors(t *testing.T) {
	fails := func(name string, api listing.API, want string) {
		t.Helper()
		var errs []error
		for _, err := range listing.Objects(t.Context(), api, listing.Range{Bucket: "b", Prefix: "p/"}) {
			if err != nil {
				errs = append(errs, err)
			}
		}
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: errors %v, want %q once", name, errs, want)
		}
	}
	fails("forbidden", serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }), "list s3://b/p/: ")
	fails("no order", serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<ListVersionsResult><Version><Key>p</Key><IsLatest>true</IsLatest></Version><Version><Key>o</Key><IsLatest>true</IsLatest></Version></ListVersionsResult>`)
	}), "the order of keys")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range listing.Objects(canceled, serve(t, nil), listing.Range{Bucket: "b"}) {
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
