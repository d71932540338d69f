package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	watchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

func unchanged(*fixture) {}

// shapes are correct feeds of all kinds, with some of the checks that apply to them.
var shapes = map[string]struct {
	make func() *fixture
	has  []string
}{
	"own bucket, Snowpipe":    {healthy, []string{"own bucket", "own bucket: permission", "own bucket: other files", "notifications", "pipe: status", "pipe: notifications", "role: trust", "alarms: subscribers", "rejected files"}},
	"existing bucket":         {func() *fixture { return healthy().existing() }, []string{"existing bucket", "existing bucket: rule", "existing bucket: rule: permission"}},
	"external bucket":         {func() *fixture { return healthy().external() }, []string{"external bucket: rule", "external bucket: last run", "external bucket: listing", "external bucket: readable"}},
	"from files":              {func() *fixture { return healthy().fromFiles() }, []string{"own bucket: subscription", "own bucket: permission", "topic"}},
	"from files of others":    {func() *fixture { return healthy().fromFilesOfOthers() }, []string{"existing bucket: rule", "topic"}},
	"from the table, nightly": {func() *fixture { return healthy().fromTable() }, []string{"changes", "task: state", "task: runs"}},
	"external table":          {func() *fixture { return healthy().externalTable() }, []string{"external table: valid", "external table: notifications", "external table: refresh"}},
}

func TestHealthy(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			r := shape.make().run(t, unchanged)
			checks := map[string]bool{}
			for _, f := range r.Findings {
				checks[f.Check] = true
				if f.State != Pass || f.Detail == "" || f.Remedy != "" {
					t.Errorf("%+v", f)
				}
			}
			for _, check := range shape.has {
				if !checks[check] {
					t.Errorf("%q was not checked", check)
				}
			}
		})
	}
}

func TestWithoutSnowflake(t *testing.T) {
	f := healthy()
	f.snow, f.conn = nil, nil
	r := f.run(t, unchanged)
	for _, finding := range r.Findings {
		if finding.State != Pass || finding.Area == "Snowflake" {
			t.Errorf("%+v", finding)
		}
	}
	f = healthy()
	f.conn = nil
	expect(t, f.run(t, unchanged), "login", Unknown, "no connection", "ingest sql orders")
}

func expect(t *testing.T, r Report, check string, state State, detail, remedy string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Check == check && f.State == state {
			if !strings.Contains(f.Detail, detail) || !strings.Contains(f.Remedy, remedy) || f.Remedy == "" {
				t.Errorf("%+v\nwant detail %q, remedy %q", f, detail, remedy)
			}
			return
		}
	}
	t.Errorf("no %s of %q in %+v", state, check, r.Findings)
}

func TestProblems(t *testing.T) {
	const revert = "cdk deploy --revert-drift Orders"
	own := healthy
	filesOfOthers := func() *fixture { return healthy().fromFilesOfOthers() }
	existing, external := shapes["existing bucket"].make, shapes["external bucket"].make
	files, nightly, outside := shapes["from files"].make, shapes["from the table, nightly"].make, shapes["external table"].make
	object := func(f *fixture, kind snowflake.Kind, ending string) *string {
		return &f.aws.account.Object(kind, `"RAW"."PUBLIC"."ORDERS`+ending+`"`).Comment
	}
	tests := map[string]struct {
		make           func() *fixture
		change         func(*fixture)
		check          string
		state          State
		detail, remedy string
	}{
		"stack failed": {own, func(f *fixture) { f.aws.stack.StackStatus = cfntypes.StackStatusUpdateRollbackFailed }, "state", Fail, "UPDATE_ROLLBACK_FAILED", "cdk deploy Orders"},
		"stack rolled back": {own, func(f *fixture) {
			f.aws.stack.StackStatus = cfntypes.StackStatusUpdateRollbackComplete
		}, "state", Warn, "UPDATE_ROLLBACK_COMPLETE", "rolled back"},
		"stack in progress": {own, func(f *fixture) { f.aws.stack.StackStatus = cfntypes.StackStatusUpdateInProgress }, "state", Warn, "IN_PROGRESS", "wait"},

		"no function":     {own, func(f *fixture) { delete(f.aws.functions, "Orders-Load") }, "load", Fail, "Orders-Load does not exist", revert},
		"function failed": {own, func(f *fixture) { f.aws.functions["Orders-Unpack"].State = lambdatypes.StateFailed }, "unpack", Fail, "Failed", revert},
		"update failed": {own, func(f *fixture) {
			f.aws.functions["Orders-Unpack"].LastUpdateStatus = lambdatypes.LastUpdateStatusFailed
		}, "unpack", Fail, "last update failed", revert},
		"being updated": {own, func(f *fixture) {
			f.aws.functions["Orders-Unpack"].LastUpdateStatus = lambdatypes.LastUpdateStatusInProgress
		}, "unpack", Warn, "being updated", "wait"},
		"another spec": {own, func(f *fixture) {
			other := f.feed
			other.PartBytes++
			text, _ := other.Env()
			f.aws.functions["Orders-Unpack"].Environment.Variables[feed.EnvSpec] = text
		}, "unpack", Fail, "differs from the template", revert},
		"another table":    {own, func(f *fixture) { f.aws.functions["Orders-Load"].Environment.Variables[feed.EnvTable] = "other" }, "load", Fail, `its TABLE is "other", the stack's is "records"`, revert},
		"stopped":          {own, func(f *fixture) { f.aws.concurrency["Orders-Load"] = 0 }, "load: concurrency", Fail, "concurrency is 0", "delete-function-concurrency --function-name Orders-Load"},
		"new account":      {own, func(f *fixture) { f.aws.accountLimit = 10 }, "account: concurrency", Warn, "may run 10 at a time in this region, of 10 of the account, and load takes up to 16", "deploy the store with loaders set to 5"},
		"no failure queue": {own, func(f *fixture) { delete(f.aws.failures, "Orders-Unpack") }, "unpack: failures", Fail, "not sent to queue failures", revert},

		"no notification": {own, func(f *fixture) { f.aws.buckets["source"] = &s3.GetBucketNotificationConfigurationOutput{} }, "own bucket", Fail, "in/*.json, in/*.gz", `--bucket source --notification-configuration '{"LambdaFunctionConfigurations":[{"Events":["s3:ObjectCreated:*"],"Filter":{"Key":{"FilterRules":[{"Name":"prefix","Value":"in/"},{"Name":"suffix","Value":".json"}]}},"LambdaFunctionArn":"` + unpackARN},
		"another prefix": {own, func(f *fixture) {
			f.aws.buckets["source"].LambdaFunctionConfigurations[1].Filter = filter("out/", ".gz")
		}, "own bucket", Fail, "new objects in/*.gz", "ingest backfill orders"},
		"no bucket": {own, func(f *fixture) { delete(f.aws.buckets, "source") }, "own bucket", Fail, "source does not exist", "again"},
		"files elsewhere": {
			own, func(f *fixture) { f.aws.keys = []string{"in/a.json", "in/b.csv", "c.json"} }, "own bucket: other files", Warn,
			"2 objects in the bucket without the source's prefix or suffix, not processed, such as s3://source/c.json", "put files of the feed to s3://source/in/*.json, *.gz",
		},
		"many files elsewhere": {
			own, func(f *fixture) { f.aws.keys, f.aws.endless = []string{"in/a.json", "c.json"}, true }, "own bucket: other files", Warn,
			"10 objects in the first 20 objects", "put files",
		},
		"other files unknown": {own, func(f *fixture) { f.aws.reader = accessDenied() }, "own bucket: other files", Unknown, "the permission to check it is missing", "s3:ListBucket on the bucket"},
		"no permission for S3": {own, func(f *fixture) {
			f.aws.policies["Orders-Unpack"] = permission("s3.amazonaws.com", "arn:aws:s3:::other")
		}, "own bucket: permission", Fail, "does not allow s3.amazonaws.com", revert},
		"no policy":              {own, func(f *fixture) { delete(f.aws.policies, "Orders-Unpack") }, "own bucket: permission", Fail, "does not allow", revert},
		"not subscribed":         {files, func(f *fixture) { f.aws.subscriptions[sourceTopic] = f.aws.subscriptions[sourceTopic][:1] }, "own bucket: subscription", Fail, "is not subscribed", revert},
		"EventBridge off":        {existing, func(f *fixture) { f.aws.buckets["theirs"].EventBridgeConfiguration = nil }, "existing bucket", Fail, "no events to EventBridge", "turn on Amazon EventBridge"},
		"no existing bucket":     {existing, func(f *fixture) { delete(f.aws.buckets, "theirs") }, "existing bucket", Fail, "does not exist", "right bucket"},
		"rule off":               {existing, func(f *fixture) { f.aws.rules["orders-rule"].State = eventtypes.RuleStateDisabled }, "existing bucket: rule", Fail, "disabled", "enable-rule --name orders-rule"},
		"rule without target":    {existing, func(f *fixture) { f.aws.targets = nil }, "existing bucket: rule", Fail, "does not have the target function Orders-Unpack", revert},
		"rule was deleted":       {existing, func(f *fixture) { f.aws.rules = nil }, "existing bucket: rule", Fail, "does not exist", revert},
		"no rule":                {existing, func(f *fixture) { delete(f.aws.resources, "OrdersRule") }, "existing bucket: rule", Fail, "no rule", revert},
		"no permission for rule": {existing, func(f *fixture) { f.aws.policies = nil }, "existing bucket: rule: permission", Fail, "events.amazonaws.com", revert},
		"schedule off":           {external, func(f *fixture) { f.aws.rules["orders-every"].State = eventtypes.RuleStateDisabled }, "external bucket: rule", Fail, "disabled", "enable-rule"},
		"never ran":              {external, func(f *fixture) { f.aws.metrics["Invocations"] = 0 }, "external bucket: last run", Warn, "did not run in the last 15m0s", "5m0s"},
		"runs fail":              {external, func(f *fixture) { f.aws.metrics["Errors"] = 2 }, "external bucket: last run", Fail, "2 of 3 runs", "ingest logs orders"},
		"not listed":             {external, func(f *fixture) { f.aws.cursor = nil }, "external bucket: listing", Warn, "not listed yet", "last run"},
		"listing was aborted":    {external, func(f *fixture) { f.listed("in/k", -time.Minute) }, "external bucket: listing", Warn, `stopped after key "in/k"`, "ingest logs orders"},
		"listing has ended":      {external, func(f *fixture) { f.listed("in/k", 0) }, "external bucket: listing", Warn, `stopped after key "in/k"`, "ingest logs orders"},
		"listing unknown":        {external, func(f *fixture) { f.aws.errs["GetItem"] = accessDenied() }, "external bucket: listing", Unknown, "permission to check it is missing", "dynamodb:GetItem on the table"},
		"not readable":           {external, func(f *fixture) { f.aws.reader = accessDenied() }, "external bucket: readable", Unknown, "role arn:aws:iam::1:role/reader may not list it", "sts:AssumeRole"},
		"no external bucket":     {external, func(f *fixture) { f.aws.reader = apiError("NoSuchBucket", 404) }, "external bucket: readable", Fail, "does not exist", "right bucket"},

		"failed events": {own, func(f *fixture) {
			f.aws.queues[queueURL+"failures"]["ApproximateNumberOfMessages"] = "2"
			f.aws.metrics["ApproximateAgeOfOldestMessage"] = 7200
			f.aws.messages = []string{"{}", `{"requestContext":{"functionArn":"arn:aws:lambda:us-east-1:1:function:Orders-Load"},"requestPayload":{"feed":"orders","upload":"u","part":"0000000-000001"},"responsePayload":{"errorMessage":"boom"}}`}
		}, "failed events", Fail, "2 events, the oldest for 2h0m0s; load failed on u 0000000-000001: boom", "ingest replay orders"},
		"no failure queue exists": {own, func(f *fixture) { f.aws.queues = nil }, "failed events", Fail, "queue failures does not exist", revert},
		"parts set aside": {own, func(f *fixture) {
			f.setAside = []ledger.Work{{PartRef: ids.PartRef{Upload: "u", Part: "p"}, Error: "boom"}}
		}, "parts", Fail, "1 part set aside after several attempts; upload u, part p: boom", "ingest replay orders"},
		"no loader":     {own, func(f *fixture) { f.waiting = make([]ledger.Work, 2) }, "parts", Warn, "2 parts waiting, and no invocation of load has one", "ingest replay orders"},
		"parts unknown": {own, func(f *fixture) { f.aws.errs["Query"] = accessDenied() }, "parts", Unknown, "permission to check it is missing", "dynamodb:Query"},

		"parts without notification": {own, func(f *fixture) { f.aws.buckets["landing"].TopicConfigurations = nil }, "notifications", Fail, "does not notify topic", "prefix landing/orders/"},
		"no landing bucket":          {own, func(f *fixture) { delete(f.aws.buckets, "landing") }, "notifications", Fail, "landing does not exist", "restore"},
		"no topic":                   {own, func(f *fixture) { delete(f.aws.topics, topicARN) }, "topic", Fail, "does not exist", "--revert-drift"},
		"rules with a condition": {filesOfOthers, func(f *fixture) {
			f.aws.topics[sourceTopic] = `{"Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sns:Publish","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"1"}}}]}`
		}, "topic", Fail, "does not allow rules of EventBridge to publish", "--revert-drift"},
		"no permission to publish": {own, func(f *fixture) { f.aws.topics[topicARN] = `{"Statement":[]}` }, "topic", Fail, "does not allow bucket landing to publish", "--revert-drift"},

		"no table":       {own, func(f *fixture) { f.aws.table = nil }, "table", Fail, "records does not exist", "point-in-time"},
		"table archived": {own, func(f *fixture) { f.aws.table.TableStatus = dynamotypes.TableStatusArchived }, "table", Fail, "ARCHIVED", "ACTIVE"},
		"no index":       {own, func(f *fixture) { f.aws.table.GlobalSecondaryIndexes = nil }, "table", Fail, "no index uploads_by_time", "CHANGELOG.md"},
		"index is created": {own, func(f *fixture) {
			f.aws.table.GlobalSecondaryIndexes[0].IndexStatus = dynamotypes.IndexStatusCreating
		}, "table", Warn, "CREATING", "wait"},
		"no index by key": {func() *fixture {
			f := own()
			f.feed.RecordKey = &feed.RecordKey{Fields: []string{"id"}}
			return f
		}, func(*fixture) {}, "table", Fail, "no index by_key", "CHANGELOG.md"},
		"no stream": {nightly, func(f *fixture) { f.aws.table.StreamSpecification = nil }, "changes", Fail, "has no stream", "Changes of the store"},
		"export fails": {nightly, func(f *fixture) {
			f.aws.mappings[0].LastProcessingResult = aws.String("PROBLEM: Function call failed")
		}, "changes", Fail, "PROBLEM", "aws logs tail"},

		"alarm": {own, func(f *fixture) {
			f.aws.alarms[0].StateValue = watchtypes.StateValueAlarm
			f.aws.alarms[0].StateReason = aws.String("1 > 0")
		}, "orders-failed", Fail, "in ALARM: 1 > 0", "description"},
		"alarm without action": {own, func(f *fixture) { f.aws.alarms[0].AlarmActions = nil }, "orders-failed", Warn, "notify nobody", "enable-alarm-actions"},
		"no alarm":             {own, func(f *fixture) { f.aws.alarms = nil }, "alarms", Fail, "1 of the stack's 1 alarms", revert},
		"unconfirmed": {own, func(f *fixture) {
			f.aws.subscriptions[alarmTopic][0].SubscriptionArn = aws.String("PendingConfirmation")
		}, "alarms: subscribers", Warn, "me@example.com", "link"},
		"no subscriber": {own, func(f *fixture) { f.aws.subscriptions[alarmTopic] = nil }, "alarms: subscribers", Warn, "nobody", "e-mail"},

		"no role":               {own, func(f *fixture) { f.aws.trust = "" }, "role", Fail, "orders-snowflake does not exist", revert},
		"no permission to read": {own, func(f *fixture) { f.aws.rolePolicies["ReadParts"] = readPolicy("landing", "other/") }, "role", Fail, "s3:GetObject, s3:ListBucket on s3://landing/landing/orders/", revert},
		"trust":                 {own, func(f *fixture) { f.aws.trust = trustPolicy("another") }, "role: trust", Fail, `external ID "orders-1"`, revert},
		"login": {own, func(f *fixture) {
			f.aws.loginFail = fmt.Errorf("feed: %w", &client.Error{Class: client.ErrLogin, Err: errors.New("JWT token is invalid"), Remedy: "check the key"})
		}, "login", Fail, "JWT token is invalid", "check the key"},
		"secret denied": {own, func(f *fixture) { f.aws.loginFail = fmt.Errorf("secret: %w", accessDenied()) }, "login", Unknown, "secret", "secretsmanager:GetSecretValue"},
		"disabled":      {own, func(f *fixture) { f.aws.desc["ENABLED"] = "false" }, "integration", Fail, "not ENABLED", "ALTER STORAGE INTEGRATION"},
		"another role":  {own, func(f *fixture) { f.aws.desc["STORAGE_AWS_ROLE_ARN"] = "arn:other" }, "integration", Fail, `its STORAGE_AWS_ROLE_ARN is "arn:other"`, roleARN},
		"not covered":   {own, func(f *fixture) { f.aws.desc["STORAGE_ALLOWED_LOCATIONS"] = "s3://else/" }, "integration", Fail, "does not cover s3://landing/landing/orders/", "ALTER STORAGE INTEGRATION"},
		"invalid": {own, func(f *fixture) {
			f.aws.account.Validation = func() string { return `{"status":"failure","message":"Access denied"}` }
		}, "integration: access", Fail, "Access denied", "the role and the integration"},
		"no stage": {own, func(f *fixture) {
			_ = f.aws.account.Exec(context.Background(), `DROP STAGE IF EXISTS "RAW"."PUBLIC"."ORDERS_STAGE"`)
		}, "stage", Fail, "does not exist", "ingest sql orders --role INGESTION"},
		"another's view": {own, func(f *fixture) {
			*object(f, snowflake.KindView, "_RECORDS") = "ingestion owner=x def=0123456789abcdef"
		}, "view", Fail, "belongs to x", "another name"},
		"unmarked format": {own, func(f *fixture) { *object(f, snowflake.KindFileFormat, "_FORMAT") = "mine" }, "file format", Fail, "does not name its owner", "DROP FILE FORMAT"},
		"old definition": {own, func(f *fixture) {
			*object(f, snowflake.KindStage, "_STAGE") = "ingestion owner=" + f.out["SnowflakeOwner"] + " def=0123456789abcdef"
		}, "stage", Warn, "another version", "cdk deploy Orders"},
		"unfinished": {own, func(f *fixture) {
			*object(f, snowflake.KindPipe, "_PIPE") = strings.Replace(*object(f, snowflake.KindPipe, "_PIPE"), " def=", "#unfinished def=", 1)
		}, "pipe", Warn, "aborted", "loads them"},
		"paused": {own, func(f *fixture) {
			f.aws.account.Object(snowflake.KindPipe, `"RAW"."PUBLIC"."ORDERS_PIPE"`).State = "PAUSED"
			f.aws.account.Pending = 1
		}, "pipe: status", Fail, "PAUSED, 1 file waiting", "SET PIPE_EXECUTION_PAUSED=FALSE"},
		"stopped pipe": {own, func(f *fixture) {
			f.aws.account.Object(snowflake.KindPipe, `"RAW"."PUBLIC"."ORDERS_PIPE"`).State = "STOPPED_STAGE_DROPPED"
		}, "pipe: status", Fail, "STOPPED_STAGE_DROPPED", "drop it, and run the statements"},
		"stalled pipe": {own, func(f *fixture) {
			f.aws.account.Object(snowflake.KindPipe, `"RAW"."PUBLIC"."ORDERS_PIPE"`).State = "STALLED_EXECUTION_ERROR"
		}, "pipe: status", Fail, "STALLED", "fix the cause in the message"},
		"pipe not subscribed": {own, func(f *fixture) { f.aws.subscriptions[topicARN] = nil }, "pipe: notifications", Fail, "receives no notifications", "72 hours"},
		"task suspended": {nightly, func(f *fixture) {
			f.aws.account.Object(snowflake.KindTask, `"RAW"."PUBLIC"."ORDERS_TASK"`).State = "suspended"
		}, "task: state", Fail, "suspended", "RESUME"},
		"task failed": {nightly, func(f *fixture) {
			f.aws.account.RunState = "FAILED"
			_ = f.aws.account.Exec(context.Background(), `EXECUTE TASK "RAW"."PUBLIC"."ORDERS_TASK"`)
		}, "task: runs", Fail, "FAILED error of the test", "EXECUTE TASK"},
		"refresh stalled": {outside, func(f *fixture) { f.aws.refresh = `{"executionState":"STALLED_INTERNAL_ERROR","error":"why"}` }, "external table: refresh", Fail, "STALLED_INTERNAL_ERROR, 0 files waiting: why", "fix"},
		"stale": {outside, func(f *fixture) {
			f.aws.refresh = `{"executionState":"RUNNING","lastReceivedMessageTimestamp":"2026-03-20T00:00:00Z","lastForwardedMessageTimestamp":"2026-03-01T00:00:00Z"}`
		}, "external table: refresh", Warn, "2026-03-20", "stage's URL"},
		"rejected files": {own, func(f *fixture) {
			f.aws.rejected = []client.Row{{"file_name": "a.gz", "first_error_message": "bad UTF-8"}, {"file_name": "b.gz"}}
		}, "rejected files", Fail, "2 in the last 14 days, the last a.gz: bad UTF-8", "ingest reconcile orders"},
		"no warehouse": {own, func(f *fixture) {
			f.aws.errs["COPY_HISTORY"] = &client.Error{Err: errors.New("No active warehouse"), Remedy: "set Warehouse"}
		}, "rejected files", Unknown, "No active warehouse", "set Warehouse"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			expect(t, test.make().run(t, test.change), test.check, test.state, test.detail, test.remedy)
		})
	}
}

// A missing permission is named, and is not reported as a failure.
func TestMissingPermissions(t *testing.T) {
	for operation, permission := range map[string]string{
		"DescribeStacks": "cloudformation:DescribeStacks", "ListStackResources": "cloudformation:ListStackResources",
		"GetFunctionConfiguration": "lambda:GetFunctionConfiguration", "GetFunctionConcurrency": "lambda:GetFunctionConcurrency",
		"GetAccountSettings":           "lambda:GetAccountSettings",
		"GetFunctionEventInvokeConfig": "lambda:GetFunctionEventInvokeConfig", "GetPolicy": "lambda:GetPolicy",
		"GetBucketNotificationConfiguration": "s3:GetBucketNotification", "GetQueueAttributes": "sqs:GetQueueAttributes",
		"GetTopicAttributes": "sns:GetTopicAttributes", "ListSubscriptionsByTopic": "sns:ListSubscriptionsByTopic",
		"DescribeTable": "dynamodb:DescribeTable", "DescribeAlarms": "cloudwatch:DescribeAlarms",
		"GetRole": "iam:GetRole", "ListRolePolicies": "iam:ListRolePolicies", "GetRolePolicy": "iam:GetRolePolicy",
	} {
		t.Run(operation, func(t *testing.T) {
			r := healthy().run(t, func(f *fixture) { f.aws.errs[operation] = accessDenied() })
			named := false
			for _, f := range r.Findings {
				if f.State == Fail {
					t.Errorf("%+v", f)
				}
				named = named || f.State == Unknown && strings.Contains(f.Remedy, permission)
			}
			if !named {
				t.Errorf("%s is in none of %+v", permission, r.Findings)
			}
		})
	}
}

func TestMoment(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-01T00:00:00.123Z": "2026-03-01 00:00:00", "2026-03-01T02:00:00.123+0200": "2026-03-01 00:00:00", "soon": "soon", "": "",
	} {
		if got := moment(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// The remedy for a missing notification replaces all notifications of the bucket.
func TestRemedyKeepsOtherNotifications(t *testing.T) {
	const warning = "include those that `aws s3api get-bucket-notification-configuration --bucket source` prints"
	for _, others := range []bool{false, true} {
		r := healthy().run(t, func(f *fixture) {
			b := &s3.GetBucketNotificationConfigurationOutput{}
			if others {
				b.EventBridgeConfiguration = &s3types.EventBridgeConfiguration{}
			}
			f.aws.buckets["source"] = b
		})
		for _, f := range r.Findings {
			if f.Check == "own bucket" && (f.State != Fail || strings.Contains(f.Remedy, warning) != others) {
				t.Errorf("%v: %+v", others, f)
			}
		}
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Clients{Feed: healthy().deployment(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
