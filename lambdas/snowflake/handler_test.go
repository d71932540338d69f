package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"example.com/ingestion/internal/testing/fakesnowflake"
	"example.com/ingestion/snowflake"
)

// props returns properties as CloudFormation passes them: every scalar is a string.
func props(change map[string]any) map[string]any {
	spec := map[string]any{
		"feed": "orders", "database": "raw", "schema": "PUBLIC", "table": "orders", "externalId": "stack-orders",
		"from": "parts", "load": "continuous", "format": map[string]any{"kind": "json"}, "dropTables": "true",
	}
	for k, v := range change {
		spec[k] = v
	}
	return map[string]any{
		"ServiceToken": "arn:aws:lambda:eu-central-1:111111111111:function:x",
		"Connection":   map[string]any{"account": "org-acct", "user": "U", "role": "R", "secret": "s"},
		"Spec":         spec,
		"Names": map[string]any{
			"owner": "111111111111/eu-central-1/Orders", "bucket": "landing-bucket",
			"roleArn": "arn:aws:iam::111111111111:role/r", "topicArn": "arn:aws:sns:eu-central-1:111111111111:landing",
		},
		"TopicArn": "arn:aws:sns:eu-central-1:111111111111:landing",
	}
}

func on(a *fakesnowflake.Account) handler {
	return handler{open: func(context.Context, snowflake.Connection) (session, error) { return a, nil }}
}

func request(kind cfn.RequestType, resource, id string, updated, old map[string]any) cfn.Event {
	return cfn.Event{RequestType: kind, ResourceType: resource, PhysicalResourceID: id, ResourceProperties: updated, OldResourceProperties: old}
}

func handle(t *testing.T, a *fakesnowflake.Account, event cfn.Event, wantID string) map[string]any {
	t.Helper()
	id, data, err := on(a).handle(t.Context(), event)
	if err != nil || id != wantID {
		t.Fatalf("%s %s: id %q, error %v; want id %q", event.RequestType, event.ResourceType, id, err, wantID)
	}
	return data
}

func TestLifecycle(t *testing.T) {
	a := &fakesnowflake.Account{}
	data := handle(t, a, request(cfn.RequestCreate, typeSubscriber, "", props(nil), nil), "subscriber")
	if data["PrincipalArn"] != fakesnowflake.SubscriberARN {
		t.Errorf("subscriber: %v", data)
	}
	data = handle(t, a, request(cfn.RequestCreate, typeIntegration, "", props(nil), nil), "ORDERS_INTEGRATION")
	if data["IamUserArn"] != fakesnowflake.IAMUserARN || data["ExternalId"] != "stack-orders" || data["Name"] != "ORDERS_INTEGRATION" {
		t.Errorf("integration: %v", data)
	}
	data = handle(t, a, request(cfn.RequestCreate, typeObjects, "", props(nil), nil), "RAW.PUBLIC.ORDERS")
	if data["Table"] != `"RAW"."PUBLIC"."ORDERS"` || data["View"] != `"RAW"."PUBLIC"."ORDERS_RECORDS"` || data["NotificationChannel"] != fakesnowflake.QueueARN {
		t.Errorf("objects: %v", data)
	}
	renamed := props(map[string]any{"view": "seen"})
	handle(t, a, request(cfn.RequestUpdate, typeObjects, "RAW.PUBLIC.ORDERS", renamed, props(nil)), "RAW.PUBLIC.ORDERS")
	if got := a.Objects(); slices.Contains(got, `VIEW "RAW"."PUBLIC"."ORDERS_RECORDS"`) || !slices.Contains(got, `VIEW "RAW"."PUBLIC"."SEEN"`) {
		t.Errorf("after renaming the view: %q", got)
	}
	handle(t, a, request(cfn.RequestDelete, typeObjects, "RAW.PUBLIC.ORDERS", renamed, nil), "RAW.PUBLIC.ORDERS")
	handle(t, a, request(cfn.RequestDelete, typeIntegration, "ORDERS_INTEGRATION", props(nil), nil), "ORDERS_INTEGRATION")
	handle(t, a, request(cfn.RequestDelete, typeSubscriber, "subscriber", props(nil), nil), "subscriber")
	if got := a.Objects(); len(got) > 0 {
		t.Errorf("remaining: %q", got)
	}
}

// A feed that moves to another Snowflake account leaves nothing in the old one that loads
// files; its table is kept. If the deployment fails afterwards, it returns.
func TestChangedAccount(t *testing.T) {
	accounts := map[string]*fakesnowflake.Account{"org-acct": {}, "org-other": {}}
	h := handler{open: func(_ context.Context, c snowflake.Connection) (session, error) { return accounts[c.Account], nil }}
	moved := props(nil)
	moved["Connection"] = map[string]any{"account": "org-other", "user": "U", "role": "R", "secret": "s"}
	update := func(kind cfn.RequestType, updated, old map[string]any) {
		t.Helper()
		for resource, id := range map[string]string{typeIntegration: "ORDERS_INTEGRATION", typeObjects: "RAW.PUBLIC.ORDERS"} {
			if got, _, err := h.handle(t.Context(), request(kind, resource, id, updated, old)); err != nil || got != id {
				t.Fatalf("%s: id %q, error %v", resource, got, err)
			}
		}
	}
	pipe := `PIPE "RAW"."PUBLIC"."ORDERS_PIPE"`
	table := []string{`TABLE "RAW"."PUBLIC"."ORDERS"`}
	update(cfn.RequestCreate, props(nil), nil)
	update(cfn.RequestUpdate, moved, props(nil))
	if got := accounts["org-acct"].Objects(); !slices.Equal(got, table) {
		t.Errorf("the old account has %q", got)
	}
	if got := accounts["org-other"].Objects(); !slices.Contains(got, pipe) || !slices.Contains(got, "STORAGE INTEGRATION \"ORDERS_INTEGRATION\"") {
		t.Errorf("the new account has %q", got)
	}
	update(cfn.RequestUpdate, props(nil), moved)
	if got := accounts["org-acct"].Objects(); !slices.Contains(got, pipe) {
		t.Errorf("after the rollback the old account has %q", got)
	}
	if got := accounts["org-other"].Objects(); !slices.Equal(got, table) {
		t.Errorf("after the rollback the new account has %q", got)
	}
}

func TestFailedCreateWithoutObjects(t *testing.T) {
	unreachable := handler{open: func(context.Context, snowflake.Connection) (session, error) { return nil, errors.New("wrong key") }}
	tests := map[string]struct {
		handler handler
		event   cfn.Event
	}{
		"wrong key":     {unreachable, request(cfn.RequestCreate, typeObjects, "", props(nil), nil)},
		"wrong spec":    {on(&fakesnowflake.Account{}), request(cfn.RequestCreate, typeObjects, "", props(map[string]any{"load": "never"}), nil)},
		"wrong type":    {on(&fakesnowflake.Account{}), request(cfn.RequestCreate, "Custom::Other", "", props(nil), nil)},
		"no privilege":  {on(&fakesnowflake.Account{Fail: func(string) error { return errors.New("insufficient privileges") }}), request(cfn.RequestCreate, typeIntegration, "", props(nil), nil)},
		"no properties": {on(&fakesnowflake.Account{}), request(cfn.RequestCreate, typeObjects, "", map[string]any{"Spec": "x"}, nil)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id, data, err := test.handler.handle(t.Context(), test.event)
			if err == nil || id != nothingCreated || data != nil {
				t.Fatalf("id %q, data %v, error %v", id, data, err)
			}
			event := test.event
			event.RequestType, event.PhysicalResourceID = cfn.RequestDelete, id
			if _, _, err := unreachable.handle(t.Context(), event); err != nil {
				t.Errorf("its delete: %v", err)
			}
		})
	}
}

// The objects of a failed create are dropped, except for the table, which may have
// existed before.
func TestFailedCreateWithObjects(t *testing.T) {
	a := &fakesnowflake.Account{Fail: func(statement string) error {
		if strings.HasPrefix(statement, "CREATE PIPE") {
			return errors.New("no")
		}
		return nil
	}}
	id, _, err := on(a).handle(t.Context(), request(cfn.RequestCreate, typeObjects, "", props(nil), nil))
	if err == nil || id != "RAW.PUBLIC.ORDERS"+incomplete {
		t.Fatalf("id %q, error %v", id, err)
	}
	handle(t, a, request(cfn.RequestDelete, typeObjects, id, props(nil), nil), id)
	if got := a.Objects(); len(got) != 1 || got[0] != `TABLE "RAW"."PUBLIC"."ORDERS"` {
		t.Errorf("remaining: %q", got)
	}
}

// A cancelled statement may have been executed, so that the delete has to drop its
// object.
func TestCancelledCreate(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := &fakesnowflake.Account{Fail: func(statement string) error {
		if strings.HasPrefix(statement, "CREATE STORAGE INTEGRATION") {
			cancel()
			return ctx.Err()
		}
		return nil
	}}
	id, _, err := on(a).handle(ctx, request(cfn.RequestCreate, typeIntegration, "", props(nil), nil))
	if err == nil || id != "ORDERS_INTEGRATION"+incomplete {
		t.Fatalf("id %q, error %v", id, err)
	}
}

func TestReplacementAndItsRollback(t *testing.T) {
	a := &fakesnowflake.Account{}
	other := props(map[string]any{"table": "other"})
	handle(t, a, request(cfn.RequestCreate, typeObjects, "", props(nil), nil), "RAW.PUBLIC.ORDERS")
	before := a.Objects()
	a.Fail = func(statement string) error {
		if strings.HasPrefix(statement, "CREATE PIPE") {
			return errors.New("no")
		}
		return nil
	}
	id, _, err := on(a).handle(t.Context(), request(cfn.RequestUpdate, typeObjects, "RAW.PUBLIC.ORDERS", other, props(nil)))
	if err == nil || id != "RAW.PUBLIC.ORDERS" {
		t.Fatalf("failed update: id %q, error %v", id, err)
	}
	a.Fail = nil
	handle(t, a, request(cfn.RequestUpdate, typeObjects, id, props(nil), other), "RAW.PUBLIC.ORDERS")
	if got, want := a.Objects(), append(slices.Clone(before), `TABLE "RAW"."PUBLIC"."OTHER"`); len(got) != len(want) {
		t.Errorf("after the rollback: %q", got)
	}
	handle(t, a, request(cfn.RequestUpdate, typeObjects, "RAW.PUBLIC.ORDERS", other, props(nil)), "RAW.PUBLIC.OTHER")
	handle(t, a, request(cfn.RequestDelete, typeObjects, "RAW.PUBLIC.ORDERS", props(nil), nil), "RAW.PUBLIC.ORDERS")
	if got := a.Objects(); slices.Contains(got, `PIPE "RAW"."PUBLIC"."ORDERS_PIPE"`) || !slices.Contains(got, `PIPE "RAW"."PUBLIC"."OTHER_PIPE"`) {
		t.Errorf("after the replacement: %q", got)
	}
}

func TestResponseBeforeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &fakesnowflake.Account{Validation: func() string { return `{"status":"failure","message":"no role"}` }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, _, err := on(a).handle(ctx, request(cfn.RequestCreate, typeObjects, "", props(nil), nil))
		if took := time.Since(start); took != time.Minute-responseTime || err == nil || !strings.Contains(err.Error(), "no role") || !errors.Is(err, errDeadline) {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

func TestShorten(t *testing.T) {
	for _, text := range []string{strings.Repeat("a", 10_000), strings.Repeat("<\"\n", 5_000), strings.Repeat("ü€", 4_000)} {
		got := shorten(errors.New(text))
		encoded, err := json.Marshal(got.Error())
		if err != nil || len(encoded) > maxReason+16 || len(encoded) < maxReason/2 || !strings.HasPrefix(text, got.Error()[:100]) {
			t.Errorf("%d bytes, %v", len(encoded), err)
		}
	}
	if got := shorten(errors.New("short")).Error(); got != "short" {
		t.Errorf("a short reason became %q", got)
	}
}

type secrets struct {
	value *string
	err   error
}

func (s secrets) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return &secretsmanager.GetSecretValueOutput{SecretString: s.value}, s.err
}

func TestLoginErrorHasNoSecretValue(t *testing.T) {
	value := "hunter2"
	for name, s := range map[string]secrets{"no key": {value: &value}, "no access": {err: errors.New("AccessDenied")}} {
		_, err := login{secrets: s}.open(t.Context(), snowflake.Connection{User: "U", Secret: "the-secret"})
		if err == nil || !strings.Contains(err.Error(), "the-secret") || strings.Contains(err.Error(), value) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
