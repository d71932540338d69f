package batchwrite_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/internal/aws/batchwrite"
)

// TestClock writes with a clock that differs from DynamoDB's: the signatures have
// DynamoDB's time after the first request that it refuses.
func TestClock(t *testing.T) {
	for name, tc := range map[string]struct {
		ahead    time.Duration // of DynamoDB's clock
		client   aws.HTTPClient
		requests int64
		fails    bool
	}{
		"right":                          {0, nil, 1, false},
		"behind":                         {10 * time.Minute, nil, 2, false},
		"ahead":                          {-10 * time.Minute, nil, 2, false},
		"behind, with another transport": {10 * time.Minute, http.DefaultClient, 2, false},
		"wrong keys":                     {0, nil, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				now := time.Now().Add(tc.ahead)
				w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
				signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
				if err != nil {
					t.Error(err)
				}
				if now.Sub(signed).Abs() > 5*time.Minute || tc.fails {
					w.WriteHeader(http.StatusBadRequest)
					_, _ = w.Write([]byte(`{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"Signature expired"}`))
					return
				}
				_, _ = w.Write([]byte(`{"UnprocessedItems":{}}`))
			}))
			t.Cleanup(server.Close)
			c, err := batchwrite.NewClient(t.Context(), dynamodb.New(dynamodb.Options{
				Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""), HTTPClient: tc.client,
			}))
			if err != nil {
				t.Fatal(err)
			}
			w, err := c.NewWriter(t.Context(), "table", func(int64, error) {})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Commit(append(w.Next(), item(1, "x")...), 1); err != nil {
				t.Fatal(err)
			}
			stored, _, err := w.Flush()
			if tc.fails {
				if err == nil || !strings.Contains(err.Error(), "is the clock right") {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || stored != 1 || requests.Load() != tc.requests {
				t.Errorf("%d stored in %d requests, error %v", stored, requests.Load(), err)
			}
		})
	}
}
