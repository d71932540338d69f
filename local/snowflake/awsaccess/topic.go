package awsaccess

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/ingestion/local/policy"
)

// channel is a queue of the local Snowflake that is subscribed to a topic.
type channel struct {
	topic, url, arn, subscription string
}

// statement is a statement of a policy document.
type statement struct {
	Sid       string            `json:"Sid"`
	Effect    string            `json:"Effect"`
	Principal map[string]string `json:"Principal"`
	Action    []string          `json:"Action"`
	Resource  []string          `json:"Resource"`
	Condition map[string]any    `json:"Condition,omitempty"`
}

func document(s statement) string {
	b, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{s}})
	if err != nil {
		panic(err) // strings only
	}
	return string(b)
}

// SNSPolicy returns the document of SYSTEM$GET_AWS_SNS_IAM_POLICY: the statement that
// a topic's policy needs so that Snowflake may subscribe.
func SNSPolicy(topicARN string) string {
	return document(statement{
		Sid: "1", Effect: "Allow", Principal: map[string]string{"AWS": SNSUserARN},
		Action: []string{"sns:Subscribe"}, Resource: []string{topicARN},
	})
}

// Subscribe subscribes Snowflake to a topic and returns the ARN of the queue
// (notification_channel). The topic's policy must allow it. All pipes on a topic share
// a queue: subscribing again evaluates the policy again, and creates a subscription
// only if the topic was created again in the meantime.
func (c *Client) Subscribe(ctx context.Context, topicARN string) (queueARN string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.polls.Err(); err != nil {
		return "", fmt.Errorf("topic %s: the local Snowflake is closed: %w", topicARN, err)
	}
	parsed, err := arn.Parse(topicARN)
	if err != nil || parsed.Service != "sns" || parsed.Region != c.options.AWS.Region {
		return "", invalid("SQL compilation error:\ninvalid value [%s] for parameter 'AWS_SNS_TOPIC'", topicARN)
	}
	if err := c.maySubscribe(ctx, topicARN); err != nil {
		return "", err
	}
	ch := c.channels[topicARN]
	created := ch == nil
	if created {
		if ch, err = c.createQueue(ctx, topicARN); err != nil {
			return "", fmt.Errorf("topic %s: queue of the local Snowflake: %w", topicARN, err)
		}
	}
	out, err := c.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &topicARN, Protocol: aws.String("sqs"), Endpoint: &ch.arn})
	if err != nil {
		err = fmt.Errorf("subscribe to topic %s: %w", topicARN, err)
		if created {
			err = errors.Join(err, c.remove(ctx, ch))
		}
		return "", err
	}
	ch.subscription = aws.ToString(out.SubscriptionArn)
	if created {
		c.channels[topicARN] = ch
		c.polling.Go(func() { c.poll(c.polls, *ch) })
	}
	return ch.arn, nil
}

// maySubscribe returns an error unless the topic's policy allows Snowflake's user to
// subscribe.
func (c *Client) maySubscribe(ctx context.Context, topicARN string) error {
	denied := func(reason string) error {
		return invalid("SQL execution error:\nUser: %s is not authorized to perform: SNS:Subscribe on resource: %s %s", SNSUserARN, topicARN, reason)
	}
	out, err := c.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &topicARN})
	var missing *snstypes.NotFoundException
	switch {
	case errors.As(err, &missing):
		// AWS does not reveal to other accounts whether a topic exists.
		return denied("because no resource-based policy allows the SNS:Subscribe action")
	case err != nil:
		return fmt.Errorf("topic %s: %w", topicARN, err)
	}
	d, err := policy.Parse(policy.Resource, out.Attributes["Policy"])
	if err != nil {
		return fmt.Errorf("topic %s: %w", topicARN, err)
	}
	switch policy.Evaluate(policy.Request{
		Principal: policy.Principal{ARNs: []string{SNSUserARN}}, Action: "sns:Subscribe", Resource: topicARN,
		Context: map[string][]string{"sns:Protocol": {"sqs"}, "aws:SecureTransport": {"true"}, "aws:PrincipalArn": {SNSUserARN}},
	}, d) {
	case policy.Allowed:
		return nil
	case policy.Denied:
		return denied("with an explicit deny in a resource-based policy")
	case policy.NotAllowed:
	}
	return denied("because no resource-based policy allows the SNS:Subscribe action")
}

// createQueue creates the queue in the account of the topic, because moto does not
// deliver to other accounts.
func (c *Client) createQueue(ctx context.Context, topicARN string) (*channel, error) {
	sum := sha256.Sum256([]byte(topicARN))
	queue, err := c.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName:  aws.String("sf-snowpipe-local-" + hex.EncodeToString(sum[:8])),
		Attributes: map[string]string{"VisibilityTimeout": strconv.Itoa(visibilityTimeout)},
	})
	if err != nil {
		return nil, err
	}
	ch := &channel{topic: topicARN, url: aws.ToString(queue.QueueUrl)}
	out, err := c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &ch.url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return nil, errors.Join(err, c.remove(ctx, ch))
	}
	ch.arn = out.Attributes[string(sqstypes.QueueAttributeNameQueueArn)]
	_, err = c.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: &ch.url,
		Attributes: map[string]string{"Policy": document(statement{
			Sid: "TopicSends", Effect: "Allow", Principal: map[string]string{"Service": "sns.amazonaws.com"},
			Action: []string{"sqs:SendMessage"}, Resource: []string{ch.arn},
			Condition: map[string]any{"ArnEquals": map[string]string{"aws:SourceArn": topicARN}},
		})},
	})
	if err != nil {
		return nil, errors.Join(err, c.remove(ctx, ch))
	}
	return ch, nil
}

// remove deletes a subscription and its queue, if they exist.
func (c *Client) remove(ctx context.Context, ch *channel) error {
	var errs []error
	if ch.subscription != "" {
		_, err := c.sns.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &ch.subscription})
		var missing *snstypes.NotFoundException
		if err != nil && !errors.As(err, &missing) {
			errs = append(errs, fmt.Errorf("unsubscribe from %s: %w", ch.topic, err))
		}
	}
	_, err := c.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &ch.url})
	var missing *sqstypes.QueueDoesNotExist
	if err != nil && !errors.As(err, &missing) {
		errs = append(errs, fmt.Errorf("delete queue %s: %w", ch.url, err))
	}
	return errors.Join(errs...)
}
