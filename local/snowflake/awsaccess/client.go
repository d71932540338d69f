// Package awsaccess does in the local AWS what Snowflake does in AWS: it assumes the
// role of a storage integration, reads S3 with it, and receives notifications of
// objects through SNS. The local AWS does not evaluate policies, so this package
// does: trust policies, the role's policies and topic policies, as AWS would.
package awsaccess

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// The IAM users of the local Snowflake account: one assumes the roles of its
// integrations, the other subscribes to topics.
const (
	IAMUserARN = "arn:aws:iam::999999999999:user/snow-i-local"
	SNSUserARN = "arn:aws:iam::999999999999:user/snow-n-local"
)

// Options of a Client.
type Options struct {
	// AWS is the configuration for clients of the local AWS.
	AWS aws.Config
	// OnEvents processes the events of a topic. A message is deleted when OnEvents
	// returns nil; after an error it is delivered again within a few seconds. OnEvents
	// is called from one goroutine per topic, may receive an event more than once, and
	// must return within two minutes. If it is nil, events are discarded.
	OnEvents func(ctx context.Context, topicARN string, events []Event) error
	// Log receives errors of the background work. Default: none.
	Log io.Writer
	// PropagationDelay is how long after its creation a role cannot be assumed, as
	// changes in IAM need time to propagate. Default: 0.
	PropagationDelay time.Duration
}

// Client accesses the local AWS for the local Snowflake. It is safe for concurrent use.
type Client struct {
	options Options
	iam     *iam.Client
	sts     *sts.Client
	sns     *sns.Client
	sqs     *sqs.Client

	mu       sync.Mutex
	channels map[string]*channel // by topic ARN
	polling  sync.WaitGroup
	polls    context.Context
	stop     context.CancelFunc
}

// New returns a Client. Close it after use.
func New(o Options) *Client {
	if o.Log == nil {
		o.Log = io.Discard
	}
	c := &Client{
		options: o, channels: map[string]*channel{},
		iam: iam.NewFromConfig(o.AWS), sts: sts.NewFromConfig(o.AWS),
		sns: sns.NewFromConfig(o.AWS), sqs: sqs.NewFromConfig(o.AWS),
	}
	c.polls, c.stop = context.WithCancel(context.Background())
	return c
}

// Close deletes the subscriptions and their queues.
func (c *Client) Close(ctx context.Context) error {
	c.stop()
	c.polling.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for topic, ch := range c.channels {
		errs = append(errs, c.remove(ctx, ch))
		delete(c.channels, topic)
	}
	return errors.Join(errs...)
}

// Integration has the parameters of a storage integration for AWS.
type Integration struct {
	Name       string
	RoleARN    string
	ExternalID string
	// AllowedLocations are URLs such as s3://bucket/prefix/, or * for all;
	// BlockedLocations are exceptions.
	AllowedLocations []string
	BlockedLocations []string
	Enabled          bool
}

// Check returns an error unless the integration can list the objects under url. It is
// action "list" of SYSTEM$VALIDATE_STORAGE_INTEGRATION.
func (c *Client) Check(ctx context.Context, i Integration, url string) error {
	s, err := c.Session(ctx, i)
	if err != nil {
		return err
	}
	for _, err := range s.List(ctx, url) {
		return err
	}
	return nil
}

func (c *Client) s3(credentials aws.CredentialsProvider) *s3.Client {
	return s3.NewFromConfig(c.options.AWS, func(o *s3.Options) {
		o.Credentials = credentials
		o.UsePathStyle = true
		o.DisableLogOutputChecksumValidationSkipped = true
	})
}
