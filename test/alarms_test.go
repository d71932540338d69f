package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/constructs"
)

// alarmsOf writes the alarms of a template, one a line.
func alarmsOf(tpl template) []string {
	var all []string
	for id, r := range tpl.ofType("AWS::CloudWatch::Alarm") {
		p := r.Properties
		if metrics, _ := p["Metrics"].([]any); metrics != nil {
			all = append(all, fmt.Sprintf("%s: %s, %v periods, %s %v, missing is %s, notifies %d topic and %d when OK",
				id[:len(id)-8], sumOf(metrics), p["EvaluationPeriods"], p["ComparisonOperator"], p["Threshold"], p["TreatMissingData"],
				len(p["AlarmActions"].([]any)), len(texts(p["OKActions"]))))
			continue
		}
		var dimensions []string
		for _, d := range p["Dimensions"].([]any) {
			dimensions = append(dimensions, d.(map[string]any)["Name"].(string))
		}
		all = append(all, fmt.Sprintf("%s: %s of %s by %v, %v x %v s, %s %v, missing is %s, notifies %d topic and %d when OK",
			id[:len(id)-8], p["Statistic"], p["Namespace"].(string)+"/"+p["MetricName"].(string), dimensions, p["EvaluationPeriods"], p["Period"],
			p["ComparisonOperator"], p["Threshold"], p["TreatMissingData"], len(p["AlarmActions"].([]any)), len(texts(p["OKActions"]))))
	}
	slices.Sort(all)
	return all
}

// sumOf writes the metrics of an alarm: the expression, and what it is made of.
func sumOf(metrics []any) string {
	var parts []string
	for _, m := range metrics {
		m := m.(map[string]any)
		if e, ok := m["Expression"].(string); ok {
			parts = append(parts, e)
			continue
		}
		stat := m["MetricStat"].(map[string]any)
		metric := stat["Metric"].(map[string]any)
		dimensions := withoutHashes(metric["Dimensions"])
		parts = append(parts, fmt.Sprintf("%s of %s/%s by %s in %v s", stat["Stat"], metric["Namespace"], metric["MetricName"], dimensions, stat["Period"]))
	}
	return strings.Join(parts, " + ")
}

func TestAlarms(t *testing.T) {
	app := newApp(t)
	store := newStoreOf(t, app, constructs.StoreProps{Alarms: &constructs.StoreAlarmProps{Emails: []string{"data@example.com"}}})
	for name, alarms := range map[string]*constructs.AlarmProps{"usual": nil, "eager": {NothingFor: 36 * time.Hour}, "off": {Off: true}} {
		props := minimal(name)
		props.Store, props.Alarms = store, alarms
		want := map[string]int{"usual": 4, "eager": 5, "off": 0}[name]
		if p := newFeed(t, app, props); len(p.Alarms) != want {
			t.Errorf("feed %s: %d alarms, want %d", name, len(p.Alarms), want)
		}
	}
	templates := synth(t, app)
	usual := []string{
		`FeedErrors: SUM(METRICS()) + Sum of AWS/Lambda/Errors by [{"Name":"FunctionName","Value":{"Ref":"FeedUnpack"}}] in 300 s + Sum of Ingestion/Errors by [{"Name":"Store","Value":{"Fn::ImportValue":"Store:ExportsOutputRefStoreTable0CCFA19B"}},{"Name":"Feed","Value":"usual"}] in 300 s, 1 periods, GreaterThanThreshold 0, missing is notBreaching, notifies 1 topic and 0 when OK`,
		"FeedFailedEvents: Maximum of AWS/SQS/ApproximateNumberOfMessagesVisible by [QueueName], 1 x 300 s, GreaterThanThreshold 0, missing is notBreaching, notifies 1 topic and 1 when OK",
		"FeedQuarantined: Sum of Ingestion/Quarantined by [Store Feed], 1 x 300 s, GreaterThanThreshold 0, missing is notBreaching, notifies 1 topic and 0 when OK",
		"FeedThrottles: Sum of AWS/Lambda/Throttles by [FunctionName], 3 x 300 s, GreaterThanThreshold 0, missing is notBreaching, notifies 1 topic and 1 when OK",
	}
	eager := slices.Insert(slices.Clone(usual), 2, "FeedNothingArrived: Sum of AWS/Lambda/Invocations by [FunctionName], 36 x 3600 s, LessThanThreshold 1, missing is breaching, notifies 1 topic and 1 when OK")
	eager[0] = strings.ReplaceAll(eager[0], `"Value":"usual"`, `"Value":"eager"`)
	for stack, want := range map[string][]string{"Feed-usual": usual, "Feed-eager": eager, "Feed-off": nil, "Store": {
		"StoreLoadErrors: Sum of AWS/Lambda/Errors by [FunctionName], 1 x 300 s, GreaterThanThreshold 0, missing is notBreaching, notifies 1 topic and 0 when OK",
		"StoreLoadThrottles: Sum of AWS/Lambda/Throttles by [FunctionName], 3 x 300 s, GreaterThanThreshold 0, missing is notBreaching, notifies 1 topic and 1 when OK",
	}} {
		if got := alarmsOf(templates[stack]); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", stack, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	for id, r := range templates["Feed-eager"].ofType("AWS::CloudWatch::Alarm") {
		description := r.Properties["AlarmDescription"].(string)
		if !strings.HasPrefix(description, "Feed eager: ") || !strings.Contains(description, "bin/ingest ") || strings.Contains(description, "%!") || len(description) > 1024 {
			t.Errorf("%s: %q does not say what to do", id, description)
		}
		if got := withoutHashes(r.Properties["AlarmActions"].([]any)[0]); !strings.Contains(got, "StoreAlarmTopic") {
			t.Errorf("%s notifies %s", id, got)
		}
	}
	for stack, want := range map[string]string{"Feed-usual": "Errors,Quarantined", "Feed-off": ""} {
		_, unpack := only(t, templates[stack], "AWS::Lambda::Function", "FeedUnpack")
		variables := unpack.Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
		if got, _ := variables["METRICS"].(string); got != want {
			t.Errorf("%s emits %q, want %q", stack, got, want)
		}
	}
}

// Only CloudWatch may publish to the topic, for this account, and only with TLS.
func TestAlarmTopicPolicy(t *testing.T) {
	app := newApp(t)
	newStoreOf(t, app, constructs.StoreProps{Alarms: &constructs.StoreAlarmProps{Emails: []string{"a@example.com", "b@example.com"}}})
	tpl := synth(t, app)["Store"]
	_, policy := only(t, tpl, "AWS::SNS::TopicPolicy", "StoreAlarmTopic")
	var got []string
	for _, s := range statements(policy.Properties["PolicyDocument"]) {
		got = append(got, fmt.Sprint(s.Effect, s.Action, text(s.Principal), text(s.Condition)))
	}
	want := []string{
		`Allow[sns:Publish]{"Service":"cloudwatch.amazonaws.com"}{"StringEquals":{"aws:SourceAccount":{"Ref":"AWS::AccountId"}}}`,
		`Deny[sns:Publish]*{"Bool":{"aws:SecureTransport":"false"}}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("policy\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(tpl.ofType("AWS::SNS::Subscription")); n != 2 {
		t.Errorf("%d subscriptions", n)
	}
}

// An existing topic is notified, and none is made or exported.
func TestExistingAlarmTopic(t *testing.T) {
	app := newApp(t)
	arn := "arn:aws:sns:us-east-1:123456789012:night-shift"
	props := minimal("orders")
	props.Store = newStoreOf(t, app, constructs.StoreProps{Alarms: &constructs.StoreAlarmProps{TopicARN: arn}})
	newFeed(t, app, props)
	templates := synth(t, app)
	for id, r := range templates["Feed-orders"].ofType("AWS::CloudWatch::Alarm") {
		if got := text(r.Properties["AlarmActions"].([]any)[0]); got != arn {
			t.Errorf("%s notifies %s", id, got)
		}
	}
	if n := len(templates["Store"].ofType("AWS::SNS::Topic")); n != 1 {
		t.Errorf("the store has %d topics, want only that of the parts", n)
	}
}

// The check every four hours: the event has the fields that the function reads, and is not too long.
func TestPipeCheck(t *testing.T) {
	for name, test := range map[string]struct {
		load   constructs.SnowflakeLoad
		byHand bool
		rules  int
	}{
		"continuous": {constructs.Continuous(), false, 1},
		"bulk":       {constructs.Bulk("17 2 * * *"), false, 0},
		"by hand":    {constructs.Continuous(), true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			props := toSnowflake("orders", constructs.FromParts(), test.load)
			if test.byHand {
				byHand(props.Snowflake)
				props.Snowflake.Subscriber = ""
			}
			tpl := snowflakeFeed(t, props)
			rules := tpl.ofType("AWS::Events::Rule")
			if len(rules) != test.rules {
				t.Fatalf("%d rules, want %d", len(rules), test.rules)
			}
			for _, r := range rules {
				target := r.Properties["Targets"].([]any)[0].(map[string]any)
				input := text(target["Input"])
				if len(input) > 8192/2 {
					t.Errorf("an input of %d bytes, the limit is 8192", len(input))
				}
				// A value that is known at deployment only is a JSON string.
				known := strings.NewReplacer(`"{"Fn::ImportValue"`, `{"Fn::ImportValue"`, `"}",`, `"},`, `"}"}`, `"}}`).Replace(input)
				var event struct{ Watch map[string]any }
				if err := json.Unmarshal([]byte(known), &event); err != nil {
					t.Fatalf("%v\n%s", err, known)
				}
				if got, want := slices.Sorted(maps.Keys(event.Watch)), []string{"Connection", "Spec", "Table", "TopicArn"}; !slices.Equal(got, want) {
					t.Errorf("keys %v, want %v", got, want)
				}
				if r.Properties["ScheduleExpression"] != "rate(4 hours)" {
					t.Errorf("every %v", r.Properties["ScheduleExpression"])
				}
			}
		})
	}
}

// An external table is refreshed every day, also without alarms, because Snowflake finds a
// file whose notification was lost by a refresh only.
func TestTableRefresh(t *testing.T) {
	for name, test := range map[string]struct {
		load   constructs.SnowflakeLoad
		byHand bool
		want   int
	}{
		"external":         {constructs.ExternalTable(), false, 1},
		"external by hand": {constructs.ExternalTable(), true, 0},
		"continuous":       {constructs.Continuous(), false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			props := toSnowflake("orders", constructs.FromParts(), test.load)
			if test.byHand {
				byHand(props.Snowflake)
				props.Snowflake.Subscriber = ""
			}
			n := 0
			for _, r := range snowflakeFeed(t, props).ofType("AWS::Events::Rule") {
				if r.Properties["ScheduleExpression"] == "rate(1 day)" {
					n++
					if input := text(r.Properties["Targets"].([]any)[0].(map[string]any)["Input"]); !strings.Contains(input, `{"refresh":`) {
						t.Errorf("input %s", input)
					}
				}
			}
			if n != test.want {
				t.Errorf("%d rules, want %d", n, test.want)
			}
		})
	}
}

func TestValidateAlarmsAndKey(t *testing.T) {
	alarms := func(a constructs.AlarmProps) constructs.IngestionPipelineProps {
		props := minimal("orders")
		props.Alarms = &a
		return props
	}
	topic := "arn:aws:sns:us-east-1:123456789012:alarms"
	withKey := minimal("orders")
	withKey.Key = constructs.ExistingKey("alias/data")
	for _, test := range []struct {
		name  string
		err   error
		wants []string
	}{
		{"no topic of its own", alarms(constructs.AlarmProps{NothingFor: time.Hour}).Validate(), []string{
			`feed "orders": Alarms: has no topic to notify: give Emails or TopicARN`,
		}},
		{"no topic of the store", constructs.ValidateFeeds(constructs.StoreProps{}, constructs.FeedStack{Stack: "Orders", IngestionPipelineProps: alarms(constructs.AlarmProps{NothingFor: time.Hour})}), []string{
			`stack Orders: feed "orders": Alarms: has no topic to notify: set StoreProps.Alarms, or StoreNames.AlarmTopicARN for an imported one that has it`,
		}},
		{"topic of another", constructs.ValidateFeeds(constructs.StoreProps{Alarms: &constructs.StoreAlarmProps{}}, constructs.FeedStack{Stack: "Orders", IngestionPipelineProps: alarms(constructs.AlarmProps{TopicARN: topic})}), []string{
			`stack Orders: feed "orders": Alarms: Emails and TopicARN belong to a feed with a store of its own: give them to StoreProps.Alarms`,
		}},
		{"off and on", alarms(constructs.AlarmProps{Off: true, NothingFor: time.Hour}).Validate(), []string{
			`feed "orders": Alarms.Off: excludes the other fields of Alarms: leave Off out, or them`,
		}},
		{"nothing for half an hour", alarms(constructs.AlarmProps{TopicARN: topic, NothingFor: 30 * time.Minute}).Validate(), []string{
			`feed "orders": Alarms.NothingFor: 30m0s is not a number of whole hours from 1h0m0s to 168h0m0s: CloudWatch looks back 7 days at most`,
		}},
		{"nothing for eight days", alarms(constructs.AlarmProps{TopicARN: topic, NothingFor: 8 * 24 * time.Hour}).Validate(), []string{
			`feed "orders": Alarms.NothingFor: 192h0m0s is not a number of whole hours from 1h0m0s to 168h0m0s: CloudWatch looks back 7 days at most`,
		}},
		{"store", constructs.StoreProps{
			Alarms: &constructs.StoreAlarmProps{Emails: []string{"me"}, TopicARN: "alarms"}, Key: constructs.ExistingKey("alias/data"),
		}.Validate(), []string{
			`store: Alarms.Emails: "me" is not an address, such as "data@example.com"`,
			`store: Alarms.TopicARN: "alarms" is not the ARN of an SNS topic`,
			`store: Alarms.Emails: ["me"] must be subscribed by the owner of the topic "alarms": leave one of the two out`,
			`store: Key: "alias/data" is not the ARN of a KMS key, such as "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"; an alias will not do`,
		}},
		{"key of a feed on a store", constructs.ValidateFeeds(constructs.StoreProps{}, constructs.FeedStack{Stack: "Orders", IngestionPipelineProps: withKey}), []string{
			`stack Orders: feed "orders": Key: "alias/data" is not the ARN of a KMS key, such as "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"; an alias will not do`,
			`stack Orders: feed "orders": Key: belongs to a feed with a store of its own: give it to StoreProps.Key`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) { requireLines(t, test.err, test.wants) })
	}
}
