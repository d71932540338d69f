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
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

func nothing(*patient) {}

// shapes are the kinds of feed, each as it should be, with checks that it has.
var shapes = map[string]struct {
	make func() *patient
	has  []string
}{
	"own bucket, Snowpipe":    {healthy, []string{"own bucket", "own bucket: may invoke", "announced", "pipe: runs", "pipe: hears", "role: trust", "alarms: heard by", "files refused"}},
	"queues":                  {func() *patient { return healthy().queued() }, []string{"unpack", "unpack: read", "load: read"}},
	"existing bucket":         {func() *patient { return healthy().existing() }, []string{"existing bucket", "existing bucket: rule", "existing bucket: rule: may invoke"}},
	"external bucket":         {func() *patient { return healthy().external() }, []string{"external bucket: rule", "external bucket: last run", "external bucket: walk", "external bucket: readable"}},
	"from files":              {func() *patient { return healthy().fromFiles() }, []string{"own bucket: subscription", "own bucket: may invoke", "topic"}},
	"from the table, nightly": {func() *patient { return healthy().fromTable() }, []string{"changes", "task: on", "task: runs"}},
	"external table":          {func() *patient { return healthy().externalTable() }, []string{"external table: valid", "external table: hears", "external table: refresh"}},
}

func TestHealthy(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			r := shape.make().examine(t, nothing)
			seen := map[string]bool{}
			for _, f := range r.Findings {
				seen[f.Check] = true
				if f.State != Pass || f.Seen == "" || f.Mend != "" {
					t.Errorf("%+v", f)
				}
			}
			for _, check := range shape.has {
				if !seen[check] {
					t.Errorf("%q was not looked at", check)
				}
			}
		})
	}
}

func TestWithoutSnowflake(t *testing.T) {
	p := healthy()
	p.snow, p.conn = nil, nil
	r := p.examine(t, nothing)
	for _, f := range r.Findings {
		if f.State != Pass || f.Area == "Snowflake" {
			t.Errorf("%+v", f)
		}
	}
	p = healthy()
	p.conn = nil
	expect(t, p.examine(t, nothing), "login", Unknown, "no connection", "ingest sql orders")
}

func expect(t *testing.T, r Report, check string, state State, seen, mend string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Check == check && f.State == state {
			if !strings.Contains(f.Seen, seen) || !strings.Contains(f.Mend, mend) || f.Mend == "" {
				t.Errorf("%+v\nwant seen %q, mend %q", f, seen, mend)
			}
			return
		}
	}
	t.Errorf("no %s of %q in %+v", state, check, r.Findings)
}

func TestWhatIsWrong(t *testing.T) {
	const revert = "cdk deploy --revert-drift Orders"
	own := healthy
	queued, existing, external := shapes["queues"].make, shapes["existing bucket"].make, shapes["external bucket"].make
	files, nightly, outside := shapes["from files"].make, shapes["from the table, nightly"].make, shapes["external table"].make
	object := func(p *patient, kind snowflake.Kind, ending string) *string {
		return &p.world.account.Object(kind, `"RAW"."PUBLIC"."ORDERS`+ending+`"`).Comment
	}
	tests := map[string]struct {
		make       func() *patient
		change     func(*patient)
		check      string
		state      State
		seen, mend string
	}{
		"stack failed": {own, func(p *patient) { p.world.stack.StackStatus = cfntypes.StackStatusUpdateRollbackFailed }, "state", Fail, "UPDATE_ROLLBACK_FAILED", "cdk deploy Orders"},
		"stack rolled back": {own, func(p *patient) {
			p.world.stack.StackStatus = cfntypes.StackStatusUpdateRollbackComplete
		}, "state", Warn, "UPDATE_ROLLBACK_COMPLETE", "undone"},
		"stack under way": {own, func(p *patient) { p.world.stack.StackStatus = cfntypes.StackStatusUpdateInProgress }, "state", Warn, "IN_PROGRESS", "wait"},

		"no function":     {own, func(p *patient) { delete(p.world.functions, "Orders-Load") }, "load", Fail, "Orders-Load does not exist", revert},
		"function failed": {own, func(p *patient) { p.world.functions["Orders-Unpack"].State = lambdatypes.StateFailed }, "unpack", Fail, "Failed", revert},
		"update failed": {own, func(p *patient) {
			p.world.functions["Orders-Unpack"].LastUpdateStatus = lambdatypes.LastUpdateStatusFailed
		}, "unpack", Fail, "last update failed", revert},
		"being updated": {own, func(p *patient) {
			p.world.functions["Orders-Unpack"].LastUpdateStatus = lambdatypes.LastUpdateStatusInProgress
		}, "unpack", Warn, "being updated", "wait"},
		"another spec": {own, func(p *patient) {
			other := p.feed
			other.PartBytes++
			text, _ := other.Env()
			p.world.functions["Orders-Load"].Environment.Variables[feed.EnvSpec] = text
		}, "load", Fail, "not what the template says", revert},
		"another table":    {own, func(p *patient) { p.world.functions["Orders-Load"].Environment.Variables[feed.EnvTable] = "other" }, "load", Fail, `its TABLE is "other", the stack's is "records"`, revert},
		"stopped":          {own, func(p *patient) { p.world.concurrency["Orders-Load"] = 0 }, "load: may run", Fail, "concurrency is 0", "delete-function-concurrency --function-name Orders-Load"},
		"no failure queue": {own, func(p *patient) { delete(p.world.failures, "Orders-Load") }, "load: failures", Fail, "not sent to queue failures", revert},

		"no notification": {own, func(p *patient) { p.world.buckets["source"] = &s3.GetBucketNotificationConfigurationOutput{} }, "own bucket", Fail, "in/*.json, in/*.gz", `--bucket source --notification-configuration '{"LambdaFunctionConfigurations":[{"Events":["s3:ObjectCreated:*"],"Filter":{"Key":{"FilterRules":[{"Name":"prefix","Value":"in/"},{"Name":"suffix","Value":".json"}]}},"LambdaFunctionArn":"` + unpackARN},
		"another prefix": {own, func(p *patient) {
			p.world.buckets["source"].LambdaFunctionConfigurations[1].Filter = filter("out/", ".gz")
		}, "own bucket", Fail, "new objects in/*.gz", "ingest backfill orders"},
		"no bucket": {own, func(p *patient) { delete(p.world.buckets, "source") }, "own bucket", Fail, "source does not exist", "again"},
		"S3 may not invoke": {own, func(p *patient) {
			p.world.policies["Orders-Unpack"] = permission("s3.amazonaws.com", "arn:aws:s3:::other")
		}, "own bucket: may invoke", Fail, "does not let s3.amazonaws.com", revert},
		"no policy":           {own, func(p *patient) { delete(p.world.policies, "Orders-Unpack") }, "own bucket: may invoke", Fail, "does not let", revert},
		"not subscribed":      {files, func(p *patient) { p.world.subscriptions[sourceTopic] = p.world.subscriptions[sourceTopic][:1] }, "own bucket: subscription", Fail, "is not subscribed", revert},
		"EventBridge off":     {existing, func(p *patient) { p.world.buckets["theirs"].EventBridgeConfiguration = nil }, "existing bucket", Fail, "no events to EventBridge", "turn on Amazon EventBridge"},
		"existing is gone":    {existing, func(p *patient) { delete(p.world.buckets, "theirs") }, "existing bucket", Fail, "does not exist", "right bucket"},
		"rule off":            {existing, func(p *patient) { p.world.rules["orders-rule"].State = eventtypes.RuleStateDisabled }, "existing bucket: rule", Fail, "disabled", "enable-rule --name orders-rule"},
		"rule without target": {existing, func(p *patient) { p.world.targets = nil }, "existing bucket: rule", Fail, "does not reach function Orders-Unpack", revert},
		"rule gone":           {existing, func(p *patient) { p.world.rules = nil }, "existing bucket: rule", Fail, "does not exist", revert},
		"no rule":             {existing, func(p *patient) { delete(p.world.resources, "OrdersRule") }, "existing bucket: rule", Fail, "no rule", revert},
		"rule may not invoke": {existing, func(p *patient) { p.world.policies = nil }, "existing bucket: rule: may invoke", Fail, "events.amazonaws.com", revert},
		"schedule off":        {external, func(p *patient) { p.world.rules["orders-every"].State = eventtypes.RuleStateDisabled }, "external bucket: rule", Fail, "disabled", "enable-rule"},
		"never ran":           {external, func(p *patient) { p.world.metrics["Invocations"] = 0 }, "external bucket: last run", Warn, "did not run in the last 15m0s", "5m0s"},
		"runs fail":           {external, func(p *patient) { p.world.metrics["Errors"] = 2 }, "external bucket: last run", Fail, "2 of 3 runs", "aws logs tail"},
		"no walk":             {external, func(p *patient) { p.world.walk = nil }, "external bucket: walk", Warn, "none was begun", "last run"},
		"walk was cut off":    {external, func(p *patient) { p.walked("in/k", -time.Minute) }, "external bucket: walk", Warn, `stopped behind key "in/k"`, "aws logs tail"},
		"walk was left":       {external, func(p *patient) { p.walked("in/k", 0) }, "external bucket: walk", Warn, `stopped behind key "in/k"`, "aws logs tail"},
		"walk not allowed":    {external, func(p *patient) { p.world.errs["GetItem"] = accessDenied() }, "external bucket: walk", Unknown, "not allowed", "dynamodb:GetItem on the table"},
		"not readable":        {external, func(p *patient) { p.world.reader = accessDenied() }, "external bucket: readable", Unknown, "role arn:aws:iam::1:role/reader may not list it", "sts:AssumeRole"},
		"strange is gone":     {external, func(p *patient) { p.world.reader = apiError("NoSuchBucket", 404) }, "external bucket: readable", Fail, "does not exist", "right bucket"},

		"failed events": {own, func(p *patient) {
			p.world.queues[queueURL+"failures"]["ApproximateNumberOfMessages"] = "2"
			p.world.metrics["ApproximateAgeOfOldestMessage"] = 7200
		}, "failed events", Fail, "2 events, the oldest for 2h0m0s", "ingest replay orders"},
		"failure queue gone": {own, func(p *patient) { p.world.queues = nil }, "failed events", Fail, "queue failures does not exist", revert},
		"no redrive":         {queued, func(p *patient) { delete(p.world.queues[queueURL+"load"], "RedrivePolicy") }, "load", Fail, "has no failure queue", revert},
		"redrive elsewhere": {queued, func(p *patient) {
			p.world.queues[queueURL+"load"]["RedrivePolicy"] = `{"deadLetterTargetArn":"arn:x:other"}`
		}, "load", Fail, "arn:x:other", revert},
		"mapping off": {queued, func(p *patient) {
			p.world.mappings[0].State = aws.String("Disabled")
			p.world.mappings[1].State = aws.String("Disabled")
		}, "unpack: read", Fail, "is Disabled", "update-event-source-mapping --enabled --uuid uuid-"},
		"no mapping":     {queued, func(p *patient) { p.world.mappings = nil }, "load: read", Fail, "no function reads", revert},
		"queue not told": {queued, func(p *patient) { p.world.buckets["source"].QueueConfigurations = nil }, "own bucket", Fail, "does not tell queue unpack", `"QueueConfigurations"`},

		"parts not announced": {own, func(p *patient) { p.world.buckets["landing"].TopicConfigurations = nil }, "announced", Fail, "does not tell topic", "prefix landing/orders/"},
		"landing gone":        {own, func(p *patient) { delete(p.world.buckets, "landing") }, "announced", Fail, "landing does not exist", "restore"},
		"topic gone":          {own, func(p *patient) { delete(p.world.topics, topicARN) }, "topic", Fail, "does not exist", "--revert-drift"},
		"S3 may not publish":  {own, func(p *patient) { p.world.topics[topicARN] = `{"Statement":[]}` }, "topic", Fail, "does not let bucket landing publish", "--revert-drift"},

		"table gone":     {own, func(p *patient) { p.world.table = nil }, "table", Fail, "records does not exist", "point-in-time"},
		"table archived": {own, func(p *patient) { p.world.table.TableStatus = dynamotypes.TableStatusArchived }, "table", Fail, "ARCHIVED", "ACTIVE"},
		"no index":       {own, func(p *patient) { p.world.table.GlobalSecondaryIndexes = nil }, "table", Fail, "no index uploads", "--revert-drift"},
		"index in making": {own, func(p *patient) {
			p.world.table.GlobalSecondaryIndexes[0].IndexStatus = dynamotypes.IndexStatusCreating
		}, "table", Warn, "CREATING", "wait"},
		"no stream": {nightly, func(p *patient) { p.world.table.StreamSpecification = nil }, "changes", Fail, "has no stream", "Changes of the store"},
		"export fails": {nightly, func(p *patient) {
			p.world.mappings[0].LastProcessingResult = aws.String("PROBLEM: Function call failed")
		}, "changes", Fail, "PROBLEM", "aws logs tail"},

		"alarm": {own, func(p *patient) {
			p.world.alarms[0].StateValue = watchtypes.StateValueAlarm
			p.world.alarms[0].StateReason = aws.String("1 > 0")
		}, "orders-failed", Fail, "in ALARM: 1 > 0", "description"},
		"mute alarm": {own, func(p *patient) { p.world.alarms[0].AlarmActions = nil }, "orders-failed", Warn, "tell nobody", "enable-alarm-actions"},
		"alarm gone": {own, func(p *patient) { p.world.alarms = nil }, "alarms", Fail, "1 of the stack's 1 alarms", revert},
		"unconfirmed": {own, func(p *patient) {
			p.world.subscriptions[alarmTopic][0].SubscriptionArn = aws.String("PendingConfirmation")
		}, "alarms: heard by", Warn, "me@example.com", "link"},
		"nobody hears": {own, func(p *patient) { p.world.subscriptions[alarmTopic] = nil }, "alarms: heard by", Warn, "nobody", "e-mail"},

		"role gone":         {own, func(p *patient) { p.world.trust = "" }, "role", Fail, "orders-snowflake does not exist", revert},
		"role may not read": {own, func(p *patient) { p.world.rolePolicies["ReadParts"] = readPolicy("landing", "other/") }, "role", Fail, "s3:GetObject, s3:ListBucket on s3://landing/landing/orders/", revert},
		"trust":             {own, func(p *patient) { p.world.trust = trustPolicy("another") }, "role: trust", Fail, `external ID "orders-1"`, revert},
		"login": {own, func(p *patient) {
			p.world.loginFail = fmt.Errorf("feed: %w", &client.Error{Class: client.ErrLogin, Err: errors.New("JWT token is invalid"), Remedy: "check the key"})
		}, "login", Fail, "JWT token is invalid", "check the key"},
		"secret denied": {own, func(p *patient) { p.world.loginFail = fmt.Errorf("secret: %w", accessDenied()) }, "login", Unknown, "secret", "secretsmanager:GetSecretValue"},
		"disabled":      {own, func(p *patient) { p.world.desc["ENABLED"] = "false" }, "integration", Fail, "not ENABLED", "ALTER STORAGE INTEGRATION"},
		"another role":  {own, func(p *patient) { p.world.desc["STORAGE_AWS_ROLE_ARN"] = "arn:other" }, "integration", Fail, `its STORAGE_AWS_ROLE_ARN is "arn:other"`, roleARN},
		"not covered":   {own, func(p *patient) { p.world.desc["STORAGE_ALLOWED_LOCATIONS"] = "s3://else/" }, "integration", Fail, "does not cover s3://landing/landing/orders/", "ALTER STORAGE INTEGRATION"},
		"invalid": {own, func(p *patient) {
			p.world.account.Validation = func() string { return `{"status":"failure","message":"Access denied"}` }
		}, "integration: access", Fail, "Access denied", "role and integration"},
		"no stage": {own, func(p *patient) {
			_ = p.world.account.Exec(context.Background(), `DROP STAGE IF EXISTS "RAW"."PUBLIC"."ORDERS_STAGE"`)
		}, "stage", Fail, "does not exist", "ingest sql orders --role INGESTION"},
		"another's view":  {own, func(p *patient) { *object(p, snowflake.KindView, "_LATEST") = "ingestion owner=x def=0123456789abcdef" }, "view", Fail, "belongs to x", "another name"},
		"unmarked format": {own, func(p *patient) { *object(p, snowflake.KindFileFormat, "_FORMAT") = "mine" }, "file format", Fail, "no mark", "DROP FILE FORMAT"},
		"old definition": {own, func(p *patient) {
			*object(p, snowflake.KindStage, "_STAGE") = "ingestion owner=" + p.out["SnowflakeOwner"] + " def=0123456789abcdef"
		}, "stage", Warn, "another version", "cdk deploy Orders"},
		"unfinished": {own, func(p *patient) {
			*object(p, snowflake.KindPipe, "_PIPE") = strings.Replace(*object(p, snowflake.KindPipe, "_PIPE"), " def=", "#unfinished def=", 1)
		}, "pipe", Warn, "cut off", "announces"},
		"paused": {own, func(p *patient) {
			p.world.account.Object(snowflake.KindPipe, `"RAW"."PUBLIC"."ORDERS_PIPE"`).State = "PAUSED"
			p.world.account.Pending = 1
		}, "pipe: runs", Fail, "PAUSED, 1 file waiting", "SET PIPE_EXECUTION_PAUSED=FALSE"},
		"stopped pipe": {own, func(p *patient) {
			p.world.account.Object(snowflake.KindPipe, `"RAW"."PUBLIC"."ORDERS_PIPE"`).State = "STOPPED_STAGE_DROPPED"
		}, "pipe: runs", Fail, "STOPPED_STAGE_DROPPED", "drop it, and run the statements"},
		"stalled pipe": {own, func(p *patient) {
			p.world.account.Object(snowflake.KindPipe, `"RAW"."PUBLIC"."ORDERS_PIPE"`).State = "STALLED_EXECUTION_ERROR"
		}, "pipe: runs", Fail, "STALLED", "mend what the message says"},
		"pipe unheard": {own, func(p *patient) { p.world.subscriptions[topicARN] = nil }, "pipe: hears", Fail, "is told of no new object", "72 hours"},
		"task suspended": {nightly, func(p *patient) {
			p.world.account.Object(snowflake.KindTask, `"RAW"."PUBLIC"."ORDERS_TASK"`).State = "suspended"
		}, "task: on", Fail, "suspended", "RESUME"},
		"task failed": {nightly, func(p *patient) {
			p.world.account.RunState = "FAILED"
			_ = p.world.account.Exec(context.Background(), `EXECUTE TASK "RAW"."PUBLIC"."ORDERS_TASK"`)
		}, "task: runs", Fail, "FAILED error of the test", "EXECUTE TASK"},
		"refresh stalled": {outside, func(p *patient) { p.world.refresh = `{"executionState":"STALLED_INTERNAL_ERROR","error":"why"}` }, "external table: refresh", Fail, "STALLED_INTERNAL_ERROR, 0 files waiting: why", "mend"},
		"stale": {outside, func(p *patient) {
			p.world.refresh = `{"executionState":"RUNNING","lastReceivedMessageTimestamp":"2026-03-20T00:00:00Z","lastForwardedMessageTimestamp":"2026-03-01T00:00:00Z"}`
		}, "external table: refresh", Warn, "2026-03-20", "stage's URL"},
		"refused files": {own, func(p *patient) {
			p.world.refused = []client.Row{{"file_name": "a.gz", "first_error_message": "bad UTF-8"}, {"file_name": "b.gz"}}
		}, "files refused", Fail, "2 in the last 14 days, the last a.gz: bad UTF-8", "ingest reconcile orders"},
		"no warehouse": {own, func(p *patient) {
			p.world.errs["COPY_HISTORY"] = &client.Error{Err: errors.New("No active warehouse"), Remedy: "set Warehouse"}
		}, "files refused", Unknown, "No active warehouse", "set Warehouse"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			expect(t, test.make().examine(t, test.change), test.check, test.state, test.seen, test.mend)
		})
	}
}

// Whoever lacks a right is told which, whatever else there is to tell.
func TestRightsThatAreMissing(t *testing.T) {
	for operation, right := range map[string]string{
		"DescribeStacks": "cloudformation:DescribeStacks", "ListStackResources": "cloudformation:ListStackResources",
		"GetFunctionConfiguration": "lambda:GetFunctionConfiguration", "GetFunctionConcurrency": "lambda:GetFunctionConcurrency",
		"GetFunctionEventInvokeConfig": "lambda:GetFunctionEventInvokeConfig", "GetPolicy": "lambda:GetPolicy",
		"GetBucketNotificationConfiguration": "s3:GetBucketNotification", "GetQueueAttributes": "sqs:GetQueueAttributes",
		"GetTopicAttributes": "sns:GetTopicAttributes", "ListSubscriptionsByTopic": "sns:ListSubscriptionsByTopic",
		"DescribeTable": "dynamodb:DescribeTable", "DescribeAlarms": "cloudwatch:DescribeAlarms",
		"GetRole": "iam:GetRole", "ListRolePolicies": "iam:ListRolePolicies", "GetRolePolicy": "iam:GetRolePolicy",
	} {
		t.Run(operation, func(t *testing.T) {
			r := healthy().examine(t, func(p *patient) { p.world.errs[operation] = accessDenied() })
			told := false
			for _, f := range r.Findings {
				if f.State == Fail {
					t.Errorf("%+v", f)
				}
				told = told || f.State == Unknown && strings.Contains(f.Mend, right)
			}
			if !told {
				t.Errorf("%s is in none of %+v", right, r.Findings)
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

// What mends one notification replaces all that the bucket has.
func TestOtherNotificationsAreTakenAlong(t *testing.T) {
	const warning = "take along what `aws s3api get-bucket-notification-configuration --bucket source` shows"
	for _, others := range []bool{false, true} {
		r := healthy().examine(t, func(p *patient) {
			b := &s3.GetBucketNotificationConfigurationOutput{}
			if others {
				b.EventBridgeConfiguration = &s3types.EventBridgeConfiguration{}
			}
			p.world.buckets["source"] = b
		})
		for _, f := range r.Findings {
			if f.Check == "own bucket" && (f.State != Fail || strings.Contains(f.Mend, warning) != others) {
				t.Errorf("%v: %+v", others, f)
			}
		}
	}
}

func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Patient{Live: healthy().live(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
