package s3source_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
)

// cloud is a server that implements AssumeRole of STS, and HeadBucket and GetObject of S3.
type cloud struct {
	mu      sync.Mutex
	assumed []url.Values
	heads   int
	scopes  []string // of S3's GETs: key ID and region
	expires time.Time
	refuse  bool
	// region and status are the response of HeadBucket.
	region string
	status int
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch {
	case r.Method == http.MethodPost && c.refuse:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>`)
	case r.Method == http.MethodPost:
		form, err := url.ParseQuery(string(body))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.assumed = append(c.assumed, form)
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
			<AccessKeyId>ROLE%d</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration>
			</Credentials></AssumeRoleResult></AssumeRoleResponse>`, len(c.assumed), c.expires.UTC().Format(time.RFC3339))
	case r.Method == http.MethodHead:
		c.heads++
		if c.region != "" {
			w.Header().Set("X-Amz-Bucket-Region", c.region)
		}
		w.WriteHeader(c.status)
	default:
		scope := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="), "/")
		c.scopes = append(c.scopes, scope[0]+" "+scope[2])
	}
}

func newClients(t *testing.T, c *cloud) *s3source.Clients {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return s3source.NewClients(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("OWN", "secret", ""),
	})
}

func read(t *testing.T, b *s3source.Clients, s feed.Source, bucket string) error {
	t.Helper()
	from, err := b.Bucket(t.Context(), s, bucket)
	if err != nil {
		return err
	}
	if from.AssumedRole != (s.RoleARN != "") || from.RequesterPays != s.RequesterPays {
		t.Errorf("origin %+v of %+v", from, s)
	}
	out, err := from.API.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("k")})
	if err != nil {
		return err
	}
	return out.Body.Close()
}

func TestRegions(t *testing.T) {
	theirs := feed.Source{Kind: feed.ExternalBucket, Bucket: "theirs", RequesterPays: true}
	tests := map[string]struct {
		source feed.Source
		status int
		region string
		want   string // region of the reads, or what the error has
		heads  int
	}{
		"own bucket: no lookup":        {feed.Source{Kind: feed.OwnBucket}, 500, "", "eu-west-1", 0},
		"allowed":                      {theirs, 200, "us-east-2", "us-east-2", 1},
		"another region: redirected":   {theirs, 301, "us-east-2", "us-east-2", 1},
		"another region: bad request":  {theirs, 400, "us-east-2", "us-east-2", 1},
		"access denied":                {theirs, 403, "us-east-2", "us-east-2", 1},
		"access denied without region": {theirs, 403, "", "eu-west-1", 1},
		"no such bucket":               {theirs, 404, "", "find the region of bucket b: ", 1},
		"server error":                 {theirs, 503, "", "find the region of bucket b: ", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := &cloud{status: test.status, region: test.region}
			b := newClients(t, c)
			if strings.HasPrefix(test.want, "find") {
				if err := read(t, b, test.source, "b"); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v", err)
				}
				return
			}
			for range 2 {
				if err := read(t, b, test.source, "b"); err != nil {
					t.Fatal(err)
				}
			}
			if c.heads != test.heads || len(c.scopes) != 2 || c.scopes[1] != "OWN "+test.want {
				t.Errorf("%d lookups, signed for %q", c.heads, c.scopes)
			}
		})
	}
}

func TestRoles(t *testing.T) {
	c := &cloud{status: 200, expires: time.Now().Add(time.Hour)}
	b := newClients(t, c)
	s := feed.Source{Kind: feed.ExternalBucket, Bucket: "theirs", RoleARN: "arn:aws:iam::123456789012:role/reader", ExternalID: "x y&z"}
	for _, bucket := range []string{"a", "b", "a"} {
		if err := read(t, b, s, bucket); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.assumed) != 1 || c.scopes[2] != "ROLE1 eu-west-1" {
		t.Errorf("assumed %v, signed as %q", c.assumed, c.scopes)
	}
	form := c.assumed[0]
	if form.Get("RoleArn") != s.RoleARN || form.Get("ExternalId") != s.ExternalID || form.Get("Action") != "AssumeRole" || form.Get("RoleSessionName") == "" {
		t.Errorf("AssumeRole was called with %v", form)
	}
	s.ExternalID = "" // another session
	c.expires = time.Now().Add(time.Minute)
	for range 2 {
		if err := read(t, b, s, "a"); err != nil {
			t.Fatal(err)
		}
	}
	// A session that expires within five minutes is renewed before it is used again.
	if len(c.assumed) < 3 || c.assumed[1].Has("ExternalId") || c.scopes[4] == c.scopes[3] {
		t.Errorf("assumed %v, signed as %q", c.assumed, c.scopes)
	}
	c.refuse = true
	s.RoleARN = "arn:aws:iam::123456789012:role/other"
	err := read(t, b, s, "a")
	if err == nil || !strings.Contains(err.Error(), "assume role "+s.RoleARN+": its trust policy must name") || !strings.Contains(err.Error(), "not you") {
		t.Errorf("error %v", err)
	}
}
