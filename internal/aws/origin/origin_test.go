package origin_test

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
	"example.com/ingestion/internal/aws/origin"
)

// cloud answers as STS and S3 do.
type cloud struct {
	mu      sync.Mutex
	assumed []url.Values
	heads   int
	scopes  []string // of S3's GETs: key ID and region
	expires time.Time
	refuse  bool
	// region is what S3 tells of the bucket, with a status.
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

func open(t *testing.T, c *cloud) *origin.Buckets {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return origin.New(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("OWN", "secret", ""),
	})
}

func read(t *testing.T, b *origin.Buckets, s feed.Source, bucket string) error {
	t.Helper()
	from, err := b.Origin(t.Context(), s, bucket)
	if err != nil {
		return err
	}
	if from.Foreign != (s.RoleARN != "") || from.RequesterPays != s.RequesterPays {
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
		"its own is not asked for": {feed.Source{Kind: feed.OwnBucket}, 500, "", "eu-west-1", 0},
		"allowed":                  {theirs, 200, "us-east-2", "us-east-2", 1},
		"elsewhere":                {theirs, 301, "us-east-2", "us-east-2", 1},
		"signed for another":       {theirs, 400, "us-east-2", "us-east-2", 1},
		"not allowed":              {theirs, 403, "us-east-2", "us-east-2", 1},
		"not told":                 {theirs, 403, "", "eu-west-1", 1},
		"no such bucket":           {theirs, 404, "", "find bucket b: ", 1},
		"broken":                   {theirs, 503, "", "find bucket b: ", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := &cloud{status: test.status, region: test.region}
			b := open(t, c)
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
				t.Errorf("%d looks, signed for %q", c.heads, c.scopes)
			}
		})
	}
}

func TestRoles(t *testing.T) {
	c := &cloud{status: 200, expires: time.Now().Add(time.Hour)}
	b := open(t, c)
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
		t.Errorf("asked %v", form)
	}
	s.ExternalID = "" // another trust, another session
	c.expires = time.Now().Add(time.Minute)
	for range 2 {
		if err := read(t, b, s, "a"); err != nil {
			t.Fatal(err)
		}
	}
	// A session that ends within minutes is renewed before it is used again.
	if len(c.assumed) < 3 || c.assumed[1].Has("ExternalId") || c.scopes[4] == c.scopes[3] {
		t.Errorf("assumed %v, signed as %q", c.assumed, c.scopes)
	}
	c.refuse = true
	s.RoleARN = "arn:aws:iam::123456789012:role/other"
	err := read(t, b, s, "a")
	if err == nil || !strings.Contains(err.Error(), "assume role "+s.RoleARN+", whose trust policy") || !strings.Contains(err.Error(), "not you") {
		t.Errorf("error %v", err)
	}
}
