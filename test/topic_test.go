package test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/constructs"
)

// Only S3, for the landing bucket of this account, and the named subscribers may use
// the topic. Statements for all principals only deny.
func TestTopicPolicy(t *testing.T) {
	app := newApp(t)
	newStoreOf(t, app, comprehensiveStore())
	// Of two policies for one topic the later replaces the earlier.
	_, policy := only(t, synth(t, app)["Store"], "AWS::SNS::TopicPolicy", "StoreTopicPolicy")
	var allowed []string
	for _, s := range statements(policy.Properties["PolicyDocument"]) {
		if s.Effect == "Allow" {
			allowed = append(allowed, fmt.Sprint(s.Action, withoutHashes(s.Principal), slices.Sorted(maps.Keys(s.Condition))))
		}
	}
	want := []string{
		`[sns:Publish]{"Service":"s3.amazonaws.com"}[ArnEquals StringEquals]`,
		`[sns:Subscribe]{"AWS":["arn:aws:iam::111122223333:user/snowflake-sns",{"Fn::GetAtt":["StoreSnowflakeSubscriber","PrincipalArn"]}]}[]`,
	}
	if !reflect.DeepEqual(allowed, want) {
		t.Errorf("allowed\n%v\nwant\n%v", allowed, want)
	}
}

// One topic notifies unpack and Snowflake of the same objects.
func TestSourceTopic(t *testing.T) {
	for name, test := range map[string]struct {
		load   constructs.SnowflakeLoad
		events []string
	}{
		"continuous": {constructs.Continuous(), []string{"s3:ObjectCreated:*"}},
		"external":   {constructs.ExternalTable(), []string{"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}},
	} {
		t.Run(name, func(t *testing.T) {
			tpl := snowflakeFeed(t, toSnowflake("orders", constructs.FromFiles(), test.load))
			topic, _ := only(t, tpl, "AWS::SNS::Topic", "FeedSourceTopic")
			_, notifications := only(t, tpl, "Custom::S3BucketNotifications", "FeedSourceBucket")
			configuration := notifications.Properties["NotificationConfiguration"].(map[string]any)
			if len(configuration) != 1 {
				t.Errorf("notifications %v, want only that of the topic", configuration)
			}
			var events []string
			for _, c := range configuration["TopicConfigurations"].([]any) {
				entry := c.(map[string]any)
				events = append(events, texts(entry["Events"])...)
				if got := text(entry["TopicArn"]); got != `{"Ref":"`+topic+`"}` {
					t.Errorf("sent to %s", got)
				}
				if filter := text(entry["Filter"]); !strings.Contains(filter, `"incoming/"`) || !strings.Contains(filter, `".csv"`) {
					t.Errorf("filter %s", filter)
				}
			}
			if !slices.Equal(events, test.events) {
				t.Errorf("events %v, want %v", events, test.events)
			}

			subscription, s := only(t, tpl, "AWS::SNS::Subscription", "FeedUnpack")
			permission, p := only(t, tpl, "AWS::Lambda::Permission", "FeedUnpack")
			if s.Properties["Protocol"] != "lambda" || text(p.Properties["SourceArn"]) != `{"Ref":"`+topic+`"}` || p.Properties["Principal"] != "sns.amazonaws.com" {
				t.Errorf("subscription %v, permission %v", s.Properties, p.Properties)
			}
			for _, id := range []string{subscription, permission} {
				if !slices.Contains(notifications.DependsOn, id) {
					t.Errorf("the notifications do not wait for %s: %v", id, notifications.DependsOn)
				}
			}
		})
	}
}

// Adding Snowflake and Changes to an existing store replaces no resource.
func TestStoreIsExtendedInPlace(t *testing.T) {
	store := func(props constructs.StoreProps) template {
		app := newApp(t)
		newStoreOf(t, app, props)
		return synth(t, app)["Store"]
	}
	before, after := store(constructs.StoreProps{}), store(constructs.StoreProps{Snowflake: connection(), Changes: true})
	for id, r := range before.Resources {
		now, ok := after.Resources[id]
		if !ok || now.Type != r.Type {
			t.Errorf("%s is missing", id)
		}
	}
	for _, kind := range []string{"AWS::S3::Bucket", "AWS::SNS::Topic"} {
		if b, a := before.ofType(kind), after.ofType(kind); len(b) == 0 || !reflect.DeepEqual(b, a) {
			t.Errorf("%s changes:\n%v\n%v", kind, b, a)
		}
	}
	_, table := only(t, after, "AWS::DynamoDB::GlobalTable", "Store")
	if got := text(table.Properties["StreamSpecification"]); got != `{"StreamViewType":"NEW_IMAGE"}` {
		t.Errorf("stream %s", got)
	}
	for name, o := range before.Outputs {
		if !reflect.DeepEqual(o, after.Outputs[name]) {
			t.Errorf("output %s changes", name)
		}
	}
}

// The store's topic announces prefixes that do not overlap for one kind of event.
func TestStoreAnnounces(t *testing.T) {
	app := newApp(t)
	newStoreOf(t, app, constructs.StoreProps{Changes: true})
	_, notifications := only(t, synth(t, app)["Store"], "Custom::S3BucketNotifications", "Store")
	var got []string
	for _, c := range notifications.Properties["NotificationConfiguration"].(map[string]any)["TopicConfigurations"].([]any) {
		entry := c.(map[string]any)
		rule := entry["Filter"].(map[string]any)["Key"].(map[string]any)["FilterRules"].([]any)[0].(map[string]any)
		got = append(got, fmt.Sprint(texts(entry["Events"]), rule["Value"]))
	}
	slices.Sort(got)
	want := []string{
		"[s3:ObjectCreated:*]changes/", "[s3:ObjectCreated:*]landing/",
		"[s3:ObjectRemoved:*]changes/", "[s3:ObjectRemoved:*]landing/",
	}
	if !slices.Equal(got, want) {
		t.Errorf("announces %v, want %v", got, want)
	}
}

func TestExport(t *testing.T) {
	app := newApp(t)
	newStoreOf(t, app, constructs.StoreProps{Changes: true})
	tpl := synth(t, app)["Store"]
	bucket, _ := only(t, tpl, "AWS::S3::Bucket", "StoreLandingBucket")
	table, _ := only(t, tpl, "AWS::DynamoDB::GlobalTable", "StoreTable")
	arn := func(id, attribute string) string { return `{"Fn::GetAtt":["` + id + `","` + attribute + `"]}` }

	_, mapping := only(t, tpl, "AWS::Lambda::EventSourceMapping", "Store")
	if got := text(mapping.Properties["EventSourceArn"]); got != arn(table, "StreamArn") {
		t.Errorf("reads %s", got)
	}
	if got, want := text(mapping.Properties["DestinationConfig"]), `{"OnFailure":{"Destination":`+arn(bucket, "Arn")+`}}`; got != want {
		t.Errorf("destination %s, want %s", got, want)
	}
	// The stream keeps its records for a day, and Lambda must give up before they expire.
	if age := mapping.Properties["MaximumRecordAgeInSeconds"].(float64); age <= 0 || age >= 24*60*60 {
		t.Errorf("gives up after %v seconds", age)
	}

	allowed := map[string][]string{}
	for id, all := range identityPolicies(tpl) {
		for _, s := range all {
			for _, action := range s.Action {
				if strings.HasPrefix(id, "StoreExportRole") && !strings.HasPrefix(action, "logs:") {
					allowed[action] = append(allowed[action], s.Resource...)
				}
			}
		}
	}
	want := map[string][]string{
		"dynamodb:DescribeStream":   {arn(table, "StreamArn")},
		"dynamodb:GetItem":          {arn(table, "Arn")},
		"dynamodb:GetRecords":       {arn(table, "StreamArn")},
		"dynamodb:GetShardIterator": {arn(table, "StreamArn")},
		"dynamodb:ListStreams":      {arn(table, "Arn") + "/stream/*"},
		"s3:ListBucket":             {arn(bucket, "Arn")},
		"s3:PutObject":              {arn(bucket, "Arn") + "/changes/*", arn(bucket, "Arn") + "/aws/lambda/*"},
	}
	if !reflect.DeepEqual(allowed, want) {
		t.Errorf("may\n%v\nwant\n%v", allowed, want)
	}
}
