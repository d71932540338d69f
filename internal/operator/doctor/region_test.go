package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/operator"
)

// An external bucket is read in its region, which may be another one: S3 answers 301
// there ("Request redirection and the REST API").
func TestBucketOfAnotherRegion(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amz-Bucket-Region", "ap-south-1")
		if !strings.Contains(r.Header.Get("Authorization"), "/ap-south-1/s3/") {
			w.WriteHeader(http.StatusMovedPermanently)
			return
		}
		fmt.Fprint(w, `<ListBucketResult><Name>theirs</Name><KeyCount>0</KeyCount></ListBucketResult>`)
	}))
	defer server.Close()
	d := &operator.Deployment{Account: operator.Account{Config: aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("OWN", "secret", ""),
	}}}
	bucket, err := New(d, nil, os.Getenv).reader(t.Context(), feed.Source{Kind: feed.ExternalBucket, Bucket: "theirs"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("theirs")}); err != nil {
		t.Error(err)
	}
}
