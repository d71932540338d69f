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

// watch is the input of the check of a feed's pipe, which a rule sends every four hours.
type watch struct {
	Connection snowflake.Connection
	// Spec has the names from which the pipe's name is derived.
	Spec snowflake.Spec
	// Table stores the last state; changes are published to TopicARN.
	Table    string
	TopicARN string `json:"TopicArn"`
}

// table and topic are the parts of the clients of DynamoDB and SNS that are used.
type (
	table interface {
		GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
		PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	}
	topic interface {
		Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
	}
)

// The states of a pipe. If the check itself fails, the state is unknown at first and
// failing if it fails again, so that a single failed login does not raise an alarm.
const (
	working = "working"
	failing = "failing"
	unknown = "unknown"
)

// The key of the item with the state, and its attributes. It cannot be the key of an
// upload, whose ID has 26 characters.
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

// check checks the pipe of a feed and publishes a notification if it has stopped
// working or works again. The state is stored after the notification, so that after
// an interruption the notification is sent twice rather than not at all.
func (w watcher) check(ctx context.Context, of watch) error {
	name := of.Spec.Feed
	last, err := w.state(ctx, of)
	if err != nil {
		return fmt.Errorf("feed %q: read the last state of the pipe: %w", name, err)
	}
	problem, err := w.problem(ctx, of)
	state := working
	switch {
	case err != nil && (last == unknown || last == failing):
		state, problem = failing, "it cannot be checked: "+err.Error()
	case err != nil:
		state, problem = unknown, err.Error()
	case problem != "":
		state = failing
	}
	slog.InfoContext(ctx, "pipe", "feed", name, "state", state, "last", last, "problem", problem)
	if state == last {
		return nil
	}
	pipe := snowflake.Pipe{ObjectName: of.Spec.PipeName()}
	switch {
	case state == failing:
		err = w.notify(ctx, of, "does not work", fmt.Sprintf("Feed %s: pipe %s: %s.\n\nTo diagnose it: bin/ingest doctor %[1]s. When it runs again, it loads the files of the last 14 days that are pending.", name, pipe.Name(), problem))
	case state == working && last == failing:
		err = w.notify(ctx, of, "works again", fmt.Sprintf("Feed %s: pipe %s is RUNNING.\n\nTo check that no file is missing: bin/ingest reconcile %[1]s.", name, pipe.Name()))
	default:
		err = nil
	}
	if err != nil {
		return fmt.Errorf("feed %q: notify %s: %w", name, of.TopicARN, err)
	}
	if err := w.store(ctx, of, state, problem); err != nil {
		return fmt.Errorf("feed %q: store the state of the pipe: %w", name, err)
	}
	return nil
}

func (w watcher) problem(ctx context.Context, of watch) (string, error) {
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

// state returns the last state; working for a new pipe.
func (w watcher) state(ctx context.Context, of watch) (string, error) {
	out, err := w.table.GetItem(ctx, &dynamodb.GetItemInput{TableName: &of.Table, Key: w.key(of), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	if s, ok := out.Item[stateAttribute].(*types.AttributeValueMemberS); ok {
		return s.Value, nil
	}
	return working, nil
}

func (w watcher) store(ctx context.Context, of watch, state, message string) error {
	item := w.key(of)
	item[stateAttribute] = &types.AttributeValueMemberS{Value: state}
	item[messageAttribute] = &types.AttributeValueMemberS{Value: message}
	item[sinceAttribute] = &types.AttributeValueMemberS{Value: w.now().UTC().Format(time.RFC3339)}
	_, err := w.table.PutItem(ctx, &dynamodb.PutItemInput{TableName: &of.Table, Item: item})
	return err
}

// notify publishes a message. A subject may have 100 ASCII characters, a message 256 KB.
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
func (w watcher) notify(ctx context.Context, of watch, what, message string) error {
	_, err := w.topic.Publish(ctx, &sns.PublishInput{
		TopicArn: &of.TopicARN,
		Subject:  aws.String("Snowpipe of feed " + of.Spec.Feed + " " + what),
		Message:  &message,
	})
	return err
}

// route returns the function's handler. Its input is {"watch": …} or {"refresh": …} from
// a rule, or the event of a custom resource.
func route(w watcher, h handler, custom cfn.CustomResourceLambdaFunction) func(context.Context, json.RawMessage) (any, error) {
	return func(ctx context.Context, payload json.RawMessage) (any, error) {
		var scheduled struct {
			Watch   *watch
			Refresh *refresh
		}
		if err := json.Unmarshal(payload, &scheduled); err != nil {
			return nil, fmt.Errorf("read the input of the function: %w", err)
		}
		if scheduled.Watch != nil {
			return nil, w.check(ctx, *scheduled.Watch)
		}
		if scheduled.Refresh != nil {
			return nil, h.refresh(ctx, *scheduled.Refresh)
		}
		var event cfn.Event
		if err := json.Unmarshal(payload, &event); err != nil {
			return nil, fmt.Errorf("read the event of a custom resource: %w", err)
		}
		return custom(ctx, event)
	}
}
