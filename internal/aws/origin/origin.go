// Package origin opens the buckets that a feed's files come from: those of
// others are read through a role, at the reader's cost or in another region.
package origin

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
)

// Buckets has a client for each bucket that was asked for. It is for any number
// of goroutines.
type Buckets struct {
	cfg aws.Config

	mu      sync.Mutex
	roles   map[role]aws.CredentialsProvider
	clients map[bucket]*s3.Client
}

type (
	role   struct{ arn, externalID string }
	bucket struct {
		role
		name string
	}
)

// New returns the buckets that cfg's credentials open, or the roles that these
// may assume.
func New(cfg aws.Config) *Buckets {
	return &Buckets{cfg: cfg, roles: map[role]aws.CredentialsProvider{}, clients: map[bucket]*s3.Client{}}
}

// Client returns the client that reads the bucket of a source: with the
// source's role, if it has one, and in the bucket's own region. The region is
// asked for once; the feed's own bucket is in the region of its functions.
func (b *Buckets) Client(ctx context.Context, s feed.Source, name string) (*s3.Client, error) {
	r := role{s.RoleARN, s.ExternalID}
	b.mu.Lock()
	known := b.clients[bucket{r, name}]
	cfg := b.cfg.Copy()
	if r.arn != "" {
		if b.roles[r] == nil {
			b.roles[r] = aws.NewCredentialsCache(&assumer{cfg: b.cfg, role: r}, func(o *aws.CredentialsCacheOptions) {
				o.ExpiryWindow = expiryWindow
			})
		}
		cfg.Credentials = b.roles[r]
	}
	b.mu.Unlock()
	if known != nil {
		return known, nil
	}
	if s.Kind != feed.OwnBucket && s.Kind != "" {
		region, err := regionOf(ctx, s3.NewFromConfig(cfg, s3source.ClientOptions), name)
		if err != nil {
			return nil, fmt.Errorf("find bucket %s: %w", name, err)
		}
		if region != "" {
			cfg.Region = region
		}
	}
	client := s3.NewFromConfig(cfg, s3source.ClientOptions)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clients[bucket{r, name}] = client
	return client, nil
}

// Origin is how unpack reads the bucket of a source.
func (b *Buckets) Origin(ctx context.Context, s feed.Source, name string) (s3source.Origin, error) {
	client, err := b.Client(ctx, s, name)
	return s3source.Origin{API: client, RequesterPays: s.RequesterPays, Foreign: s.RoleARN != ""}, err
}

// regionOf is "" where S3 does not tell. It tells anybody, also with the error
// that the bucket is elsewhere or not the caller's to read ("HeadBucket").
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
	// Whether the bucket may be read, reading it tells better.
	return "", nil
}
