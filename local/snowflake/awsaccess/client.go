// Package cloud is what Snowflake does towards AWS: it assumes the role of a
// storage integration, reads S3 with it, and hears of new objects through SNS.
// The local AWS checks nothing of this, so the package does it: trust policies,
// the role's policies and topic policies are evaluated as AWS would.
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

// The identities of the local Snowflake account. One IAM user serves all of its
// integrations; another subscribes to topics.
const (
	IAMUserARN = "arn:aws:iam::999999999999:user/snow-i-local"
	SNSUserARN = "arn:aws:iam::999999999999:user/snow-n-local"
)

// Options of a Client.
type Options struct {
	// AWS is the configuration for clients of the local AWS.
	AWS aws.Config
	// OnEvents takes what topics announced. A message is deleted once OnEvents
	// returned nil; after an error it comes again within a few seconds. It is
	// called from one goroutine per topic, may get an event more than once, and
	// has two minutes; nil drops what comes.
	OnEvents func(ctx context.Context, topicARN string, events []Event) error
	// Log takes what went wrong in the background; nil discards it.
	Log io.Writer
	// PropagationDelay is for how long after its creation a role is refused, as
	// IAM may do. Default: not at all.
	PropagationDelay time.Duration
}

// Client is the local Snowflake's access to the local AWS. It is safe for
// concurrent use.
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

// New returns a Client, which must be closed.
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

// Close ends the subscriptions and removes their queues.
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

// Integration is a storage integration as far as AWS is concerned.
type Integration struct {
	Name       string
	RoleARN    string
	ExternalID string
	// AllowedLocations are URLs such as s3://bucket/prefix/, or * for all;
	// BlockedLocations take parts of them away.
	AllowedLocations []string
	BlockedLocations []string
	Enabled          bool
}

// Check is SYSTEM$VALIDATE_STORAGE_INTEGRATION's action "list": whether the
// objects below url can be listed through the integration.
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
