package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"example.com/ingestion/internal/testing/fake"
	"example.com/ingestion/internal/testing/fakesnowflake"
	"example.com/ingestion/snowflake"
)

// services are the table and the topic.
type services struct {
	db       *fake.DynamoDB
	refuse   error
	messages []string
}

func newServices(t *testing.T) *services { return &services{db: fake.NewDynamoDB(t)} }

func (o *services) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	if o.refuse != nil {
		return nil, o.refuse
	}
	o.messages = append(o.messages, *in.TopicArn+" "+*in.Subject+": "+*in.Message)
	return &sns.PublishOutput{}, nil
}

// step is one check: the pipe's status or the error, and the state and notification
// that are expected.
type step struct {
	status  string
	err     error
	state   string
	message string
}

const (
	running = `{"executionState":"RUNNING"}`
	paused  = `{"executionState":"PAUSED"}`
)

func TestNotifications(t *testing.T) {
	refused := errors.New("JWT is invalid")
	for name, steps := range map[string][]step{
		"always works":      {{status: running}, {status: running}},
		"stops and returns": {{status: running}, {status: paused, state: failing, message: "does not work"}, {status: paused, state: failing}, {status: running, state: working, message: "works again"}, {status: running, state: working}},
		"broken from the first": {
			{status: paused, state: failing, message: "it is PAUSED instead of RUNNING"},
		},
		"one failed login":       {{err: refused, state: unknown}, {status: running, state: working}, {err: refused, state: unknown}},
		"no login":               {{err: refused, state: unknown}, {err: refused, state: failing, message: "it cannot be checked: JWT is invalid"}, {err: refused, state: failing}, {status: running, state: working, message: "works again"}},
		"failing, then no check": {{status: paused, state: failing, message: "PAUSED"}, {err: refused, state: failing}, {status: paused, state: failing}},
	} {
		t.Run(name, func(t *testing.T) {
			aws := newServices(t)
			for i, s := range steps {
				before := len(aws.messages)
				check(t, aws, s)
				got := strings.Join(aws.messages[before:], "\n")
				if (got == "") != (s.message == "") || !strings.Contains(got, s.message) {
					t.Errorf("check %d: message %q, want %q", i, got, s.message)
				}
				if got != "" && (!strings.HasPrefix(got, "arn:aws:sns:us-east-1:1:alarms Snowpipe of feed orders ") || !strings.Contains(got, "bin/ingest ")) {
					t.Errorf("check %d: message %q", i, got)
				}
				if got := storedState(aws); got != s.state {
					t.Errorf("check %d: state %q, want %q", i, got, s.state)
				}
			}
		})
	}
}

// A notification that fails is repeated by the next check.
func TestFailedNotification(t *testing.T) {
	aws := newServices(t)
	aws.refuse = errors.New("throttled")
	if err := watcherOn(aws, step{status: paused}).check(t.Context(), orders()); err == nil || !strings.Contains(err.Error(), `feed "orders": notify arn:aws:sns:us-east-1:1:alarms: throttled`) {
		t.Errorf("error %v", err)
	}
	aws.refuse = nil
	check(t, aws, step{status: paused})
	if len(aws.messages) != 1 {
		t.Errorf("messages %q", aws.messages)
	}
}

func TestRoute(t *testing.T) {
	aws := newServices(t)
	var custom []cfn.Event
	account := &fakesnowflake.Account{}
	handle := route(watcherOn(aws, step{status: paused}), on(account), func(_ context.Context, event cfn.Event) (string, error) {
		custom = append(custom, event)
		return "reason", nil
	})
	text, err := json.Marshal(map[string]any{"watch": orders()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handle(t.Context(), text); err != nil || len(aws.messages) != 1 || len(custom) != 0 {
		t.Errorf("watch: %v, messages %q, %d custom resources", err, aws.messages, len(custom))
	}
	if got, err := handle(t.Context(), json.RawMessage(`{"RequestType":"Delete","ResourceType":"Custom::SnowflakeObjects"}`)); err != nil || got != "reason" || len(custom) != 1 || custom[0].RequestType != cfn.RequestDelete {
		t.Errorf("custom resource: %v, %v, %+v", got, err, custom)
	}
	refresh := json.RawMessage(`{"refresh":{"Connection":{"account":"org-acct"},"Spec":{"feed":"orders","database":"raw","schema":"PUBLIC","table":"orders"}}}`)
	if _, err := handle(t.Context(), refresh); err != nil {
		t.Errorf("the external table does not exist: %v", err)
	}
	account.Add(fakesnowflake.Object{Kind: string(snowflake.KindExternalTable), Name: `"RAW"."PUBLIC"."ORDERS"`})
	account.Take()
	if _, err := handle(t.Context(), refresh); err != nil || !slices.Equal(account.Take(), []string{`ALTER EXTERNAL TABLE "RAW"."PUBLIC"."ORDERS" REFRESH`}) {
		t.Errorf("refresh: %v", err)
	}
	account.Fail = func(string) error { return errors.New("no access") }
	if _, err := handle(t.Context(), refresh); err == nil || !strings.Contains(err.Error(), "no access") {
		t.Errorf("a refresh that fails: %v", err)
	}
	if _, err := handle(t.Context(), json.RawMessage(`[]`)); err == nil {
		t.Error("a list was accepted as an event")
	}
}

func orders() watch {
	return watch{
		Connection: snowflake.Connection{Account: "org-acct"}, Table: "records", TopicARN: "arn:aws:sns:us-east-1:1:alarms",
		Spec: snowflake.Spec{Feed: "orders", Database: "raw", Schema: "PUBLIC", Table: "orders"},
	}
}

func watcherOn(aws *services, s step) watcher {
	account := &fakesnowflake.Account{Status: func() string { return s.status }}
	account.Add(fakesnowflake.Object{Kind: string(snowflake.KindPipe), Name: snowflake.Pipe{ObjectName: orders().Spec.PipeName()}.Name()})
	return watcher{
		open:  func(context.Context, snowflake.Connection) (session, error) { return account, s.err },
		table: aws.db.Client(), topic: aws,
		now: func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) },
	}
}

func check(t *testing.T, aws *services, s step) {
	t.Helper()
	if err := watcherOn(aws, s).check(t.Context(), orders()); err != nil {
		t.Fatal(err)
	}
}

func storedState(aws *services) string {
	items := aws.db.Items()
	if len(items) == 0 {
		return ""
	}
	if pk := items[0].Str("pk"); pk != "orders#watch" || len(items) > 1 {
		return fmt.Sprintf("%d items, the first with the key %s", len(items), pk)
	}
	return items[0].Str("state")
}
