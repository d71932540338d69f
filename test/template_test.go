package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/constructs"
)

// templatesWithEverything are the comprehensive feed and a minimal one on a shared
// store, and feeds with a store of their own.
func templatesWithEverything(t *testing.T) map[string]template {
	t.Helper()
	app := newApp(t)
	store := newStoreOf(t, app, comprehensiveStore())
	orders := comprehensive()
	orders.Store = store
	newFeed(t, app, orders)
	returns := minimal("returns")
	returns.Store = store
	newFeed(t, app, returns)
	newFeed(t, app, minimal("alone"))
	newFeed(t, app, toSnowflake("changes", constructs.FromTable(), constructs.Continuous()))
	newFeed(t, app, toSnowflake("files", constructs.FromFiles(), constructs.ExternalTable()))
	return synth(t, app)
}

func TestFeedsDoNotChangeTheStore(t *testing.T) {
	var without string
	for n := range 3 {
		app := newApp(t)
		store := newStoreOf(t, app, comprehensiveStore())
		for i := range n {
			props := toSnowflake(fmt.Sprintf("feed-%d", i), constructs.FromTable(), constructs.Continuous())
			props.Store = store
			newFeed(t, app, props)
		}
		got := synth(t, app)["Store"].text
		if n == 0 {
			without = got
		} else if got != without {
			t.Errorf("the store's template changes with %d feeds", n)
		}
	}
}

func TestSecondSynthIsIdentical(t *testing.T) {
	first, second := templatesWithEverything(t), templatesWithEverything(t)
	for stack := range first {
		if first[stack].text != second[stack].text {
			t.Errorf("stack %s differs between two runs", stack)
		}
	}
}

func TestFeedStackIsBelowTheResourceLimit(t *testing.T) {
	for stack, tpl := range templatesWithEverything(t) {
		limit := 39
		if len(tpl.ofType("AWS::DynamoDB::GlobalTable")) > 0 && strings.HasPrefix(stack, "Feed-") {
			limit = 45 // feed and store in one
		}
		if n := len(tpl.Resources); n > limit {
			t.Errorf("stack %s has %d resources, the limit of this project is %d", stack, n, limit)
		}
	}
}

// billed are the types that cost while nothing arrives, where a prop asks for them.
var billed = []string{"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::KMS::Key"}

// free are the types that cost nothing while nothing arrives, other than what they store.
var free = []string{
	"AWS::DynamoDB::GlobalTable", // on demand
	"AWS::IAM::Policy", "AWS::IAM::Role",
	"AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Function", "AWS::Lambda::Permission",
	"AWS::Lambda::EventSourceMapping", // of a table's stream: Lambda's reads of it are free
	"AWS::Logs::LogGroup",
	"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Custom::S3BucketNotifications",
	"AWS::SNS::Subscription", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy",
	"Custom::SnowflakeIntegration", "Custom::SnowflakeObjects", "Custom::SnowflakeSubscriber", // at deployment only
	"AWS::SQS::Queue", "AWS::SQS::QueuePolicy", // nobody polls it
}

func TestNothingCostsWhileIdle(t *testing.T) {
	for stack, tpl := range templatesWithEverything(t) {
		for id, r := range tpl.Resources {
			// The store of the comprehensive feed and the two feeds on it have them.
			wanted := (stack == "Store" || stack == "Feed-orders" || stack == "Feed-returns") && slices.Contains(billed, r.Type)
			// The daily refresh of an external table: 30 invocations of seconds in a month.
			wanted = wanted || r.Properties["ScheduleExpression"] == "rate(1 day)"
			if !wanted && !slices.Contains(free, r.Type) {
				t.Errorf("stack %s: %s is of type %s, which may cost while idle", stack, id, r.Type)
			}
		}
		for id, table := range tpl.ofType("AWS::DynamoDB::GlobalTable") {
			if mode := table.Properties["BillingMode"]; mode != "PAY_PER_REQUEST" {
				t.Errorf("stack %s: %s: billing mode %v", stack, id, mode)
			}
		}
	}
}

func TestDataAreKept(t *testing.T) {
	for stack, tpl := range templatesWithEverything(t) {
		for id, r := range tpl.Resources {
			if (r.Type == "AWS::S3::Bucket" || r.Type == "AWS::DynamoDB::GlobalTable") && r.DeletionPolicy != "Retain" {
				t.Errorf("stack %s: %s has deletion policy %q", stack, id, r.DeletionPolicy)
			}
		}
	}
}

// statement is one statement of a policy, with its resources as text.
type statement struct {
	Effect    string
	Principal any
	Action    []string
	Resource  []string
	Condition map[string]any
}

// statements returns those of a policy document.
func statements(document any) []statement {
	var all []statement
	for _, s := range document.(map[string]any)["Statement"].([]any) {
		m := s.(map[string]any)
		st := statement{Effect: m["Effect"].(string), Principal: m["Principal"], Action: texts(m["Action"]), Resource: texts(m["Resource"])}
		st.Condition, _ = m["Condition"].(map[string]any)
		all = append(all, st)
	}
	return all
}

func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, text(e))
		}
		return all
	default:
		return []string{text(v)}
	}
}

// text writes a value of a template with each intrinsic function as {…}.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		if join, ok := v["Fn::Join"].([]any); ok {
			var b strings.Builder
			for _, part := range join[1].([]any) {
				b.WriteString(text(part))
			}
			return b.String()
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// identityPolicies returns every statement that is attached to a role of tpl, by logical ID.
func identityPolicies(tpl template) map[string][]statement {
	found := map[string][]statement{}
	for id, p := range tpl.ofType("AWS::IAM::Policy") {
		found[id] = append(found[id], statements(p.Properties["PolicyDocument"])...)
	}
	for id, role := range tpl.ofType("AWS::IAM::Role") {
		inline, _ := role.Properties["Policies"].([]any)
		for _, p := range inline {
			found[id] = append(found[id], statements(p.(map[string]any)["PolicyDocument"])...)
		}
	}
	return found
}

// A feed's functions reach its own prefixes and its own items, no other feed's.
func TestFeedReachesItsOwnDataOnly(t *testing.T) {
	tpl := templatesWithEverything(t)["Feed-orders"]
	own := map[string]any{"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": "orders#*"}}
	// What the loaders and the functions unpack of all feeds share has no data.
	shared := map[string]any{"ForAllValues:StringEquals": map[string]any{"dynamodb:LeadingKeys": "loading"}}
	seen := map[string]bool{}
	for id, all := range identityPolicies(tpl) {
		for _, s := range all {
			for i, action := range s.Action {
				service, _, _ := strings.Cut(action, ":")
				if i == 0 {
					seen[service] = true
				}
				if service == "dynamodb" && !reflect.DeepEqual(s.Condition, own) && !reflect.DeepEqual(s.Condition, shared) {
					t.Errorf("%s: %s has condition %v, want %v", id, action, s.Condition, own)
				}
			}
			for _, r := range s.Resource {
				if !strings.Contains(r, "LandingBucket") || !strings.Contains(r, "/") {
					continue
				}
				if !strings.HasSuffix(r, "/landing/orders/*") && !strings.HasSuffix(r, "/quarantine/orders/*") {
					t.Errorf("%s: %v on %s, outside the feed's prefixes", id, s.Action, r)
				}
			}
		}
	}
	for _, service := range []string{"dynamodb", "lambda", "logs", "s3", "sqs"} {
		if !seen[service] {
			t.Errorf("no statement of %s was checked", service)
		}
	}
}

func TestActionsOfFunctions(t *testing.T) {
	want := map[string][]string{
		"FeedUnpackRole": {
			"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem",
			"events:PutEvents", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo",
			"lambda:InvokeFunction",
			"logs:CreateLogStream", "logs:PutLogEvents",
			"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject",
			"sqs:SendMessage",
		},
		"StoreLoadRole": {
			"dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem",
			"events:PutEvents",
			"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo",
			"logs:CreateLogStream", "logs:PutLogEvents",
			"s3:GetObject", "s3:PutObject",
		},
		"SnowflakeDeploymentFunctionRole": {"logs:CreateLogStream", "logs:PutLogEvents", "secretsmanager:GetSecretValue"},
		"StoreExportRole": {
			"dynamodb:DescribeStream", "dynamodb:GetItem", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
			"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo",
			"logs:CreateLogStream", "logs:PutLogEvents",
			"s3:ListBucket", "s3:PutObject",
		},
	}
	ofFunction := regexp.MustCompile(`^(.*(?:Unpack|Load|Export|Function)Role)[0-9A-F]{8}$`)
	got := map[string][]string{}
	templates := templatesWithEverything(t)
	policies := identityPolicies(templates["Feed-orders"])
	maps.Copy(policies, identityPolicies(templates["Store"]))
	for id, all := range policies {
		role := ofFunction.FindStringSubmatch(id)
		if role == nil {
			continue
		}
		actions := map[string]bool{}
		for _, s := range all {
			for _, a := range s.Action {
				actions[a] = true
			}
		}
		got[role[1]] = slices.Sorted(maps.Keys(actions))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("actions\n%v\nwant\n%v", got, want)
	}
}

// A function invokes itself, to continue what takes longer than one invocation,
// and unpack invokes load; nothing else is invoked.
func TestWhoInvokesWhom(t *testing.T) {
	logicalID := regexp.MustCompile(`(?:Feed|Store)(Load|Unpack)[0-9A-F]{8}`)
	got := map[string]bool{}
	templates := templatesWithEverything(t)
	policies := identityPolicies(templates["Feed-orders"])
	maps.Copy(policies, identityPolicies(templates["Store"]))
	for id, all := range policies {
		for _, s := range all {
			if !slices.Contains(s.Action, "lambda:InvokeFunction") {
				continue
			}
			who := "unpack"
			if strings.HasPrefix(id, "StoreLoad") {
				who = "load"
			}
			for _, r := range s.Resource {
				whom := logicalID.FindStringSubmatch(r)
				if whom == nil {
					t.Fatalf("%s may invoke %s", id, r)
				}
				got[who+" invokes "+strings.ToLower(whom[1])] = true
			}
		}
	}
	want := map[string]bool{"load invokes load": true, "unpack invokes load": true, "unpack invokes unpack": true}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestReturnedParts(t *testing.T) {
	app := newApp(t)
	p := newFeed(t, app, minimal("orders"))
	if p.SnowflakeRole != nil || p.Snowflake != nil || p.SourceTopic != nil || p.Store.Export != nil {
		t.Error("something for Snowflake that was not asked for")
	}
	if p.SourceBucket == nil || p.Store == nil || p.Unpack == nil || p.Store.Load == nil || p.FailureQueue == nil {
		t.Errorf("incomplete: %+v", p)
	}
	if p.Spec.Feed != "orders" || p.Spec.LandingPrefix != "landing/" {
		t.Errorf("spec %+v", p.Spec)
	}
	outputs := slices.Sorted(maps.Keys(synth(t, app)["Feed-orders"].Outputs))
	want := []string{
		"FeedFailureQueueUrl", "FeedFeed", "FeedLandingBucket", "FeedLandingPrefix", "FeedLoadFunction",
		"FeedQuarantinePrefix", "FeedSourceBucket", "FeedTable", "FeedTopic", "FeedUnpackFunction",
	}
	if !reflect.DeepEqual(outputs, want) {
		t.Errorf("outputs\n%v\nwant\n%v", outputs, want)
	}
}
