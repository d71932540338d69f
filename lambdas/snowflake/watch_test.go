package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"example.com/ingestion/internal/testing/fakesnowflake"
	"example.com/ingestion/snowflake"
)

// oneItem is a table with at most one item, and a topic.
type oneItem struct {
	item     map[string]types.AttributeValue
	refuse   error
	messages []string
}

func (o *oneItem) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	if *in.TableName != "records" {
		return nil, fmt.Errorf("no table %s", *in.TableName)
	}
	for name, v := range in.Key {
		if o.item != nil && o.item[name].(*types.AttributeValueMemberS).Value != v.(*types.AttributeValueMemberS).Value {
			return nil, fmt.Errorf("asked for another %s", name)
		}
	}
	return &dynamodb.GetItemOutput{Item: o.item}, nil
}

func (o *oneItem) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	o.item = in.Item
	return &dynamodb.PutItemOutput{}, nil
}

func (o *oneItem) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	if o.refuse != nil {
		return nil, o.refuse
	}
	o.messages = append(o.messages, *in.TopicArn+" "+*in.Subject+": "+*in.Message)
	return &sns.PublishOutput{}, nil
}

// step is one look: what the pipe's status is, or why there is none, and the
// state and the message that come of it.
type step struct {
	status string
	err    error
	state  string
	told   string
}

const (
	running = `{"executionState":"RUNNING"}`
	paused  = `{"executionState":"PAUSED"}`
)

func TestWatchTellsOfChanges(t *testing.T) {
	refused := errors.New("JWT is invalid")
	for name, steps := range map[string][]step{
		"always fine":       {{status: running}, {status: running}},
		"stops and returns": {{status: running}, {status: paused, state: bad, told: "does not work"}, {status: paused, state: bad}, {status: running, state: good, told: "works again"}, {status: running, state: good}},
		"broken from the first": {
			{status: paused, state: bad, told: "it is PAUSED instead of RUNNING"},
		},
		"one failed login":  {{err: refused, state: unseen}, {status: running, state: good}, {err: refused, state: unseen}},
		"no login":          {{err: refused, state: unseen}, {err: refused, state: bad, told: "it cannot be looked at: JWT is invalid"}, {err: refused, state: bad}, {status: running, state: good, told: "works again"}},
		"bad, then no look": {{status: paused, state: bad, told: "PAUSED"}, {err: refused, state: bad}, {status: paused, state: bad}},
	} {
		t.Run(name, func(t *testing.T) {
			aws := &oneItem{}
			for i, s := range steps {
				before := len(aws.messages)
				look(t, aws, s)
				told := strings.Join(aws.messages[before:], "\n")
				if (told == "") != (s.told == "") || !strings.Contains(told, s.told) {
					t.Errorf("look %d: told %q, want %q", i, told, s.told)
				}
				if told != "" && (!strings.HasPrefix(told, "arn:aws:sns:us-east-1:1:alarms Snowpipe of feed orders ") || !strings.Contains(told, "bin/ingest ")) {
					t.Errorf("look %d: told %q", i, told)
				}
				if got := kept(aws); got != s.state {
					t.Errorf("look %d: state %q, want %q", i, got, s.state)
				}
			}
		})
	}
}

// What could not be told is told at the next look.
func TestWatchKeepsNothingThatWasNotTold(t *testing.T) {
	aws := &oneItem{refuse: errors.New("throttled")}
	if err := watcherOn(aws, step{status: paused}).look(t.Context(), orders()); err == nil || !strings.Contains(err.Error(), `feed "orders": tell arn:aws:sns:us-east-1:1:alarms: throttled`) {
		t.Errorf("error %v", err)
	}
	aws.refuse = nil
	look(t, aws, step{status: paused})
	if len(aws.messages) != 1 {
		t.Errorf("told %q", aws.messages)
	}
}

func TestDispatch(t *testing.T) {
	aws := &oneItem{}
	var custom []cfn.Event
	handle := dispatch(watcherOn(aws, step{status: paused}), func(_ context.Context, event cfn.Event) (string, error) {
		custom = append(custom, event)
		return "reason", nil
	})
	text, err := json.Marshal(map[string]any{"watch": orders()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handle(t.Context(), text); err != nil || len(aws.messages) != 1 || len(custom) != 0 {
		t.Errorf("watch: %v, told %q, %d custom resources", err, aws.messages, len(custom))
	}
	if got, err := handle(t.Context(), json.RawMessage(`{"RequestType":"Delete","ResourceType":"Custom::SnowflakeObjects"}`)); err != nil || got != "reason" || len(custom) != 1 || custom[0].RequestType != cfn.RequestDelete {
		t.Errorf("custom resource: %v, %v, %+v", got, err, custom)
	}
	if _, err := handle(t.Context(), json.RawMessage(`[]`)); err == nil {
		t.Error("a list was taken for an event")
	}
}

func orders() watch {
	return watch{
		Connection: snowflake.Connection{Account: "org-acct"}, Table: "records", TopicARN: "arn:aws:sns:us-east-1:1:alarms",
		Spec: snowflake.Spec{Feed: "orders", Database: "raw", Schema: "PUBLIC", Table: "orders"},
	}
}

func watcherOn(aws *oneItem, s step) watcher {
	account := &fakesnowflake.Account{Status: func() string { return s.status }}
	account.Add(fakesnowflake.Object{Kind: string(snowflake.KindPipe), Name: snowflake.Pipe{ObjectName: orders().Spec.PipeName()}.Name()})
	return watcher{
		open:  func(context.Context, snowflake.Connection) (session, error) { return account, s.err },
		table: aws, topic: aws,
		now: func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) },
	}
}

func look(t *testing.T, aws *oneItem, s step) {
	t.Helper()
	if err := watcherOn(aws, s).look(t.Context(), orders()); err != nil {
		t.Fatal(err)
	}
}

func kept(aws *oneItem) string {
	if aws.item == nil {
		return ""
	}
	if pk := aws.item["pk"].(*types.AttributeValueMemberS).Value; pk != "orders#watch" {
		return "kept under " + pk
	}
	return aws.item["state"].(*types.AttributeValueMemberS).Value
}
