package s3source

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
)

// Clients makes and keeps one S3 client per source bucket and role. It is safe
// for concurrent use.
type Clients struct {
	cfg aws.Config

	mu      sync.Mutex
	roles   map[role]aws.CredentialsProvider
	clients map[bucketKey]*s3.Client
}

type bucketKey struct {
	role
	name string
}

// NewClients returns the clients for the buckets that cfg's credentials, or the
// roles that these may assume, can read.
func NewClients(cfg aws.Config) *Clients {
	return &Clients{cfg: cfg, roles: map[role]aws.CredentialsProvider{}, clients: map[bucketKey]*s3.Client{}}
}

// Client returns the client that reads the bucket of a source: with the source's
// role, if it has one, and in the bucket's region. The region is looked up once per
// bucket; the feed's own bucket is in the region of its functions.
func (c *Clients) Client(ctx context.Context, s feed.Source, name string) (*s3.Client, error) {
	r := role{s.RoleARN, s.ExternalID}
	key := bucketKey{r, name}
	c.mu.Lock()
	known := c.clients[key]
	cfg := c.cfg.Copy()
	if r.arn != "" {
		if c.roles[r] == nil {
			c.roles[r] = r.credentials(c.cfg)
		}
		cfg.Credentials = c.roles[r]
	}
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	if s.Kind != feed.OwnBucket && s.Kind != "" {
		region, err := regionOf(ctx, s3.NewFromConfig(cfg, ClientOptions), name)
		if err != nil {
			return nil, fmt.Errorf("find the region of bucket %s: %w", name, err)
		}
		if region != "" {
			cfg.Region = region
		}
	}
	client := s3.NewFromConfig(cfg, ClientOptions)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients[key] = client
	return client, nil
}

// Bucket returns how the bucket of a source is read.
func (c *Clients) Bucket(ctx context.Context, s feed.Source, name string) (Bucket, error) {
	client, err := c.Client(ctx, s, name)
	return Bucket{API: client, RequesterPays: s.RequesterPays, AssumedRole: s.RoleARN != ""}, err
}

// regionOf returns the region of a bucket, and "" where S3 does not report it. S3
// reports it also in its error responses: that the bucket is in another region,
// that the caller may not read it ("HeadBucket").
func regionOf(ctx context.Context, client *s3.Client, name string) (string, error) {
	out, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name})
	if err == nil {
		return aws.ToString(out.BucketRegion), nil
	}
	var re *awshttp.ResponseError
	if !errors.As(err, &re) || re.Response == nil || re.HTTPStatusCode() >= 500 {
		return "", err
	}
	if region := re.Response.Header.Get("X-Amz-Bucket-Region"); region != "" {
		return region, nil
	}
	if re.HTTPStatusCode() == 404 {
		return "", err
	}
	// The error of the read itself is clearer about what is not allowed.
	return "", nil
}
