package records_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"example.com/ingestion/feed"
	"example.com/ingestion/records"
)

// account serves DescribeStacks with the stack of a feed, and an empty result for
// every query. It returns the bodies of the queries.
func account(t *testing.T, outputs ...string) (aws.Config, *[]string) {
	t.Helper()
	var members strings.Builder
	for i := 0; i < len(outputs); i += 2 {
		fmt.Fprintf(&members, "<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>", outputs[i], outputs[i+1])
	}
	queries := &[]string{}
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".Query") {
			mu.Lock()
			*queries = append(*queries, string(body))
			mu.Unlock()
			_, _ = io.WriteString(w, `{"Items": [], "Count": 0}`)
			return
		}
		_, _ = io.WriteString(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>Orders</StackName><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime><Outputs>`+
			members.String()+`</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
	}))
	t.Cleanup(server.Close)
	return aws.Config{
		Region: "eu-central-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	}, queries
}

func TestOpen(t *testing.T) {
	cfg, queries := account(t, "OrdersFeed", "orders", "OrdersLandingPrefix", "landing/orders/", "OrdersTable", "the-table")
	f, err := records.Open(t.Context(), cfg, "orders")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range f.Uploads(t.Context()) {
		t.Errorf("unexpected upload, error %v", err)
	}
	if f.Name != "orders" || len(*queries) != len(feed.LedgerIndexKeys("orders")) || !strings.Contains((*queries)[0], `"the-table"`) {
		t.Errorf("feed %q, queries %q", f.Name, *queries)
	}
}

func TestOpenReportsWhatIsMissing(t *testing.T) {
	cfg, _ := account(t, "OrdersFeed", "orders", "OrdersLandingPrefix", "landing/orders/")
	for name, want := range map[string]string{
		"orders":  `feed "orders": stack Orders has no output OrdersTable: deploy it again with this version`,
		"returns": `no such feed, "returns": this account and region has Orders/orders`,
	} {
		if _, err := records.Open(t.Context(), cfg, name); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}
