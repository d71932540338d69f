package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/deploy"
)

// watch is what the rule of a feed sends every four hours.
type watch struct {
	Connection snowflake.Connection
	// Spec has what the pipe's name is made from.
	Spec snowflake.Spec
	// Table keeps what was found, TopicARN is told of a change.
	Table    string
	TopicARN string `json:"TopicArn"`
}

// table and topic are the parts of DynamoDB and SNS that watching needs.
type (
	table interface {
		GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
		PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	}
	topic interface {
		Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
	}
)

// The states of a pipe. One that could not be looked at is told of the second
// time in a row: a login that fails once is no reason to wake somebody.
const (
	good   = "good"
	bad    = "bad"
	unseen = "unseen"
)

// The item that keeps the state, and its attributes. No upload has such a key:
// their IDs have 26 characters.
const (
	watchKey  = "#watch"
	watchSort = "pipe"

	stateAttribute   = "state"
	messageAttribute = "message"
	sinceAttribute   = "since"
)

type watcher struct {
	open  func(context.Context, snowflake.Connection) (session, error)
	table table
	topic topic
	now   func() time.Time
}

// look looks at the pipe of a feed and tells the topic when it has stopped
// working, or works again. The state is kept after the message is sent: one
// that is cut off in between tells again, rather than never.
func (w watcher) look(ctx context.Context, of watch) error {
	name := of.Spec.Feed
	before, err := w.state(ctx, of)
	if err != nil {
		return fmt.Errorf("feed %q: what was found the last time: %w", name, err)
	}
	trouble, err := w.trouble(ctx, of)
	now := good
	switch {
	case err != nil && (before == unseen || before == bad):
		now, trouble = bad, "it cannot be looked at: "+err.Error()
	case err != nil:
		now, trouble = unseen, err.Error()
	case trouble != "":
		now = bad
	}
	slog.InfoContext(ctx, "pipe", "feed", name, "state", now, "before", before, "trouble", trouble)
	if now == before {
		return nil
	}
	pipe := snowflake.Pipe{ObjectName: of.Spec.PipeName()}
	switch {
	case now == bad:
		err = w.tell(ctx, of, "does not work", fmt.Sprintf("Feed %s: pipe %s: %s.\n\nWhat to do: bin/ingest doctor %[1]s. When it runs again it loads what has waited for up to 14 days.", name, pipe.Name(), trouble))
	case now == good && before == bad:
		err = w.tell(ctx, of, "works again", fmt.Sprintf("Feed %s: pipe %s is RUNNING.\n\nWhether anything is missing: bin/ingest reconcile %[1]s.", name, pipe.Name()))
	default:
		err = nil
	}
	if err != nil {
		return fmt.Errorf("feed %q: tell %s: %w", name, of.TopicARN, err)
	}
	if err := w.keep(ctx, of, now, trouble); err != nil {
		return fmt.Errorf("feed %q: keep what was found: %w", name, err)
	}
	return nil
}

func (w watcher) trouble(ctx context.Context, of watch) (string, error) {
	db, err := w.open(ctx, of.Connection)
	if err != nil {
		return "", err
	}
	defer closeSession(ctx, db)
	return deploy.PipeProblem(ctx, db, snowflake.Pipe{ObjectName: of.Spec.PipeName()}, w.now())
}

func (w watcher) key(of watch) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		feed.PartitionKey: &types.AttributeValueMemberS{Value: of.Spec.Feed + watchKey},
		feed.SortKey:      &types.AttributeValueMemberS{Value: watchSort},
	}
}

// state returns what was found the last time: good for a pipe that is new.
func (w watcher) state(ctx context.Context, of watch) (string, error) {
	out, err := w.table.GetItem(ctx, &dynamodb.GetItemInput{TableName: &of.Table, Key: w.key(of), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	if s, ok := out.Item[stateAttribute].(*types.AttributeValueMemberS); ok {
		return s.Value, nil
	}
	return good, nil
}

func (w watcher) keep(ctx context.Context, of watch, state, message string) error {
	item := w.key(of)
	item[stateAttribute] = &types.AttributeValueMemberS{Value: state}
	item[messageAttribute] = &types.AttributeValueMemberS{Value: message}
	item[sinceAttribute] = &types.AttributeValueMemberS{Value: w.now().UTC().Format(time.RFC3339)}
	_, err := w.table.PutItem(ctx, &dynamodb.PutItemInput{TableName: &of.Table, Item: item})
	return err
}

// tell publishes a message. A subject has at most 100 characters of ASCII, a
// message 256 KB (SNS, Publish).
func (w watcher) tell(ctx context.Context, of watch, what, message string) error {
	_, err := w.topic.Publish(ctx, &sns.PublishInput{
		TopicArn: &of.TopicARN,
		Subject:  aws.String("Snowpipe of feed " + of.Spec.Feed + " " + what),
		Message:  &message,
	})
	return err
}

// dispatch takes what the function is invoked with: a rule's {"watch": …}, or
// the event of a custom resource.
func dispatch(w watcher, custom cfn.CustomResourceLambdaFunction) func(context.Context, json.RawMessage) (any, error) {
	return func(ctx context.Context, payload json.RawMessage) (any, error) {
		var scheduled struct{ Watch *watch }
		if err := json.Unmarshal(payload, &scheduled); err != nil {
			return nil, fmt.Errorf("payload: %w", err)
		}
		if scheduled.Watch != nil {
			return nil, w.look(ctx, *scheduled.Watch)
		}
		var event cfn.Event
		if err := json.Unmarshal(payload, &event); err != nil {
			return nil, fmt.Errorf("event of a custom resource: %w", err)
		}
		return custom(ctx, event)
	}
}
