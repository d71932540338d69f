package lambdahost

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// awsClient has the requests of the host to AWS. Those of pollers and to
// destinations are made onBehalfOf a function.
type awsClient interface {
	// function returns the configuration of a function; ErrNoFunction if it does not exist.
	function(ctx context.Context, name string) (*function, error)
	// code returns the deployment package of a function.
	code(ctx context.Context, f *function) ([]byte, error)
	invokeConfig(ctx context.Context, name string) (invokeConfig, error)
	// sendToDestination sends the record of a failure to a queue or topic.
	sendToDestination(ctx context.Context, destination arn.ARN, record []byte) error
	// putObject stores the record of a failure in a bucket.
	putObject(ctx context.Context, bucket, key string, record []byte) error
	mappings(ctx context.Context) ([]mapping, error)
	// shard returns the name of the only shard of a stream, and an iterator at position.
	shard(ctx context.Context, streamARN string, position lambdatypes.EventSourcePosition) (name, iterator string, err error)
	// records reads a shard from an iterator on, and returns the next iterator.
	records(ctx context.Context, iterator string, most int) (read []streamtypes.Record, next string, err error)
	// environment has the variables with which a function reaches this AWS, with
	// credentials of its role.
	environment(ctx context.Context, f *function) ([]string, error)
}

// ErrNoFunction is returned for a function that does not exist.
var ErrNoFunction = errors.New("function not found")

// function is the part of the configuration of a function that the host uses.
type function struct {
	Name         string
	ARN          string
	Role         string // ARN
	Runtime      string
	Handler      string
	Architecture string
	CodeSHA256   string
	Location     string `json:"-"`
	Timeout      time.Duration
	MemoryMB     int
	Reserved     int // reserved concurrency; zero if none is set
	Environment  map[string]string
}

// key identifies the configuration together with extra environment variables: a
// process is reused for the same key only.
func (f *function) key(extra []string) string {
	b, err := json.Marshal([]any{f, extra})
	if err != nil {
		panic(err) // strings and numbers
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

// invokeConfig has the settings for asynchronous invocations that fail.
type invokeConfig struct {
	retries   int
	maxAge    time.Duration
	onFailure string // ARN; empty for none
}

// Limits of asynchronous invocation, unless an EventInvokeConfig says otherwise.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
const (
	defaultRetries = 2
	defaultMaxAge  = 6 * time.Hour
)

type sdkClient struct {
	cfg     aws.Config
	lambda  *lambda.Client
	sqs     *sqs.Client
	sns     *sns.Client
	s3      *s3.Client
	streams *dynamodbstreams.Client
	http    *http.Client
	roles   *roleSessions

	mu   sync.Mutex
	urls map[string]string // queue ARN -> URL
}

func newSDKClient(cfg aws.Config) *sdkClient {
	c := &sdkClient{
		cfg:    cfg,
		lambda: lambda.NewFromConfig(cfg),
		http:   &http.Client{Timeout: time.Minute},
		roles:  newRoleSessions(cfg),
		urls:   map[string]string{},
	}
	asFunction := cfg.Copy()
	asFunction.Credentials = &contextCredentials{host: cfg.Credentials, sessions: c.roles, function: c.function, known: map[string]knownFunction{}}
	c.sqs, c.sns, c.s3 = sqs.NewFromConfig(asFunction), sns.NewFromConfig(asFunction), s3.NewFromConfig(asFunction)
	c.streams = dynamodbstreams.NewFromConfig(asFunction)
	return c
}

func (c *sdkClient) function(ctx context.Context, name string) (*function, error) {
	out, err := c.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	var missing *lambdatypes.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("%w: %s", ErrNoFunction, name)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration of function %s: %w", name, err)
	}
	cfg := out.Configuration
	f := &function{
		Name:         aws.ToString(cfg.FunctionName),
		ARN:          aws.ToString(cfg.FunctionArn),
		Role:         aws.ToString(cfg.Role),
		Runtime:      string(cfg.Runtime),
		Handler:      aws.ToString(cfg.Handler),
		Architecture: string(lambdatypes.ArchitectureX8664),
		CodeSHA256:   aws.ToString(cfg.CodeSha256),
		Timeout:      time.Duration(aws.ToInt32(cfg.Timeout)) * time.Second,
		MemoryMB:     int(aws.ToInt32(cfg.MemorySize)),
	}
	if len(cfg.Architectures) > 0 {
		f.Architecture = string(cfg.Architectures[0])
	}
	if cfg.Environment != nil {
		f.Environment = cfg.Environment.Variables
	}
	if out.Code != nil {
		f.Location = aws.ToString(out.Code.Location)
	}
	if out.Concurrency != nil {
		f.Reserved = int(aws.ToInt32(out.Concurrency.ReservedConcurrentExecutions))
	}
	return f, nil
}

func (c *sdkClient) code(ctx context.Context, f *function) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.Location, nil)
	if err != nil {
		return nil, fmt.Errorf("code of function %s: %w", f.Name, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("code of function %s: %w", f.Name, err)
	}
	defer closeQuietly(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("code of function %s: %s returned %s", f.Name, f.Location, resp.Status)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("code of function %s: %w", f.Name, err)
	}
	return b, nil
}

func (c *sdkClient) invokeConfig(ctx context.Context, name string) (invokeConfig, error) {
	cfg := invokeConfig{retries: defaultRetries, maxAge: defaultMaxAge}
	out, err := c.lambda.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigInput{FunctionName: &name})
	var missing *lambdatypes.ResourceNotFoundException
	if errors.As(err, &missing) {
		return cfg, nil
	}
	if err != nil {
		return cfg, fmt.Errorf("event invoke configuration of %s: %w", name, err)
	}
	if out.MaximumRetryAttempts != nil {
		cfg.retries = int(*out.MaximumRetryAttempts)
	}
	if out.MaximumEventAgeInSeconds != nil {
		cfg.maxAge = time.Duration(*out.MaximumEventAgeInSeconds) * time.Second
	}
	if d := out.DestinationConfig; d != nil && d.OnFailure != nil {
		cfg.onFailure = aws.ToString(d.OnFailure.Destination)
	}
	return cfg, nil
}

func (c *sdkClient) sendToDestination(ctx context.Context, destination arn.ARN, record []byte) error {
	body := string(record)
	switch destination.Service {
	case "sqs":
		url, err := c.queueURL(ctx, destination.String())
		if err != nil {
			return err
		}
		_, err = c.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
		return err
	case "sns":
		topic := destination.String()
		_, err := c.sns.Publish(ctx, &sns.PublishInput{TopicArn: &topic, Message: &body})
		return err
	default:
		return fmt.Errorf("destination %s: the Lambda host supports SQS, SNS, S3 and Lambda only", destination)
	}
}

func (c *sdkClient) putObject(ctx context.Context, bucket, key string, record []byte) error {
	_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(record)})
	return err
}

func (c *sdkClient) environment(ctx context.Context, f *function) ([]string, error) {
	credentials, err := c.roles.environment(ctx, f)
	if err != nil {
		return nil, err
	}
	return append(credentials,
		"AWS_REGION="+c.cfg.Region,
		"AWS_DEFAULT_REGION="+c.cfg.Region,
		"AWS_ENDPOINT_URL="+aws.ToString(c.cfg.BaseEndpoint),
	), nil
}

func (c *sdkClient) queueURL(ctx context.Context, queueARN string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if url, ok := c.urls[queueARN]; ok {
		return url, nil
	}
	a, err := arn.Parse(queueARN)
	if err != nil {
		return "", fmt.Errorf("queue %q: %w", queueARN, err)
	}
	// Lambda knows the URL of a queue without a request that needs a permission.
	out, err := c.sqs.GetQueueUrl(onBehalfOf(ctx, ""), &sqs.GetQueueUrlInput{QueueName: &a.Resource})
	if err != nil {
		return "", fmt.Errorf("URL of queue %s: %w", queueARN, err)
	}
	c.urls[queueARN] = aws.ToString(out.QueueUrl)
	return c.urls[queueARN], nil
}
