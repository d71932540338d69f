package test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/constructs"
)

// When Buffer changes on a deployed feed, resources with data or logs and functions
// are kept, and what receives from a queue is deleted after the queue is drained.
func TestChangingTheBuffer(t *testing.T) {
	for name, source := range map[string]constructs.Source{"own": constructs.NewBucket(), "every kind": manySources()} {
		t.Run(name, func(t *testing.T) {
			templates := map[constructs.Buffer]template{}
			for _, buffer := range []constructs.Buffer{constructs.Direct, constructs.Queue} {
				app := newApp(t)
				props := minimal("orders")
				props.Source, props.Buffer = source, buffer
				feedOnFullStore(t, app, props)
				templates[buffer] = synth(t, app)["Feed-orders"]
			}
			direct, queue := templates[constructs.Direct], templates[constructs.Queue]
			for _, kind := range []string{"AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::IAM::Role", "AWS::Lambda::EventInvokeConfig"} {
				before := direct.ofType(kind)
				if len(before) == 0 {
					t.Errorf("no %s was checked", kind)
				}
				for id := range before {
					if _, ok := queue.ofType(kind)[id]; !ok {
						t.Errorf("with queues %s of type %s is missing", id, kind)
					}
				}
			}
			_, unpack := only(t, queue, "AWS::IAM::Role", "FeedUnpackRole")
			if policies := text(unpack.Properties["Policies"]); strings.Contains(policies, "ReceiveMessage") {
				t.Errorf("the role's own policy allows to receive, and would be removed before the queue is drained: %s", policies)
			}

			_, drain := only(t, queue, "Custom::QueueDrain", "FeedQueueDrain")
			for id := range queue.ofType("AWS::Lambda::EventSourceMapping") {
				if !slices.Contains(drain.DependsOn, id) {
					t.Errorf("the drain is not deleted before %s: %v", id, drain.DependsOn)
				}
			}
			for id, mapping := range queue.ofType("AWS::Lambda::EventSourceMapping") {
				if len(mapping.DependsOn) != 1 || queue.Resources[mapping.DependsOn[0]].Type != "AWS::IAM::Policy" {
					t.Errorf("%s is not deleted before the policy that allows to receive: %v", id, mapping.DependsOn)
				}
			}
			notifiers := queue.ofType("AWS::Events::Rule")
			maps.Copy(notifiers, queue.ofType("Custom::S3BucketNotifications"))
			for id, r := range notifiers {
				if !slices.ContainsFunc(r.DependsOn, func(id string) bool { return strings.HasPrefix(id, "FeedQueueDrain") }) {
					t.Errorf("%s would still send events while the queue is drained: depends on %v", id, r.DependsOn)
				}
			}
		})
	}
}

func TestQueues(t *testing.T) {
	app := newApp(t)
	props := minimal("orders")
	props.Buffer, props.Unpack.MaxConcurrency = constructs.Queue, 7
	feedOnFullStore(t, app, props)
	tpl := synth(t, app)["Feed-orders"]
	failures, _ := only(t, tpl, "AWS::SQS::Queue", "FeedFailureQueue")
	for _, name := range []string{"FeedUnpackQueue", "FeedLoadQueue"} {
		_, queue := only(t, tpl, "AWS::SQS::Queue", name)
		redrive := text(queue.Properties["RedrivePolicy"])
		if queue.Properties["VisibilityTimeout"] != 5400.0 || queue.Properties["MessageRetentionPeriod"] != 1209600.0 ||
			!strings.Contains(redrive, failures) || !strings.Contains(redrive, `"maxReceiveCount":5`) {
			t.Errorf("%s: %v", name, queue.Properties)
		}
	}
	_, mapping := only(t, tpl, "AWS::Lambda::EventSourceMapping", "FeedUnpackMessages")
	if got := text(mapping.Properties["ScalingConfig"]); got != `{"MaximumConcurrency":7}` || mapping.Properties["BatchSize"] != 1.0 ||
		text(mapping.Properties["FunctionResponseTypes"]) != `["ReportBatchItemFailures"]` {
		t.Errorf("mapping %v", mapping.Properties)
	}
	for id, f := range tpl.ofType("AWS::Lambda::Function") {
		if f.Properties["ReservedConcurrentExecutions"] != nil {
			t.Errorf("%s reserves concurrency, which the queue limits already", id)
		}
	}
}

// Adding or removing a source does not change the rules of the others.
func TestRulesDependOnTheirSourceOnly(t *testing.T) {
	rules := func(source constructs.Source) map[string]resource {
		app := newApp(t)
		props := minimal("orders")
		props.Source = source
		newFeed(t, app, props)
		return synth(t, app)["Feed-orders"].ofType("AWS::Events::Rule")
	}
	a, b := constructs.ExistingBucket("a-bucket"), constructs.ExistingBucket("b-bucket", constructs.WithPrefix("a."), constructs.WithSuffixes(".csv"))
	both, alone := rules(constructs.Sources(a, b)), rules(b)
	if len(both) != 2 || len(alone) != 1 {
		t.Fatalf("%d and %d rules", len(both), len(alone))
	}
	for id, r := range alone {
		if text(both[id].Properties) != text(r.Properties) {
			t.Errorf("the rule %s changes", id)
		}
		// The wildcard alone would miss the key in which prefix and suffix overlap.
		want := `{"detail":{"bucket":{"name":["b-bucket"]},"object":{"key":[{"wildcard":"a.*.csv"},"a.csv"]}},"detail-type":["Object Created"],"source":["aws.s3"]}`
		if got := text(r.Properties["EventPattern"]); got != want {
			t.Errorf("pattern\n%s\nwant\n%s", got, want)
		}
	}
}

// A feed may read existing and external buckets, and nothing else.
func TestSourcesAreReadOnly(t *testing.T) {
	app := newApp(t)
	props := minimal("orders")
	props.Source = manySources()
	feedOnFullStore(t, app, props)
	policies := identityPolicies(synth(t, app)["Feed-orders"])
	bucket := regexp.MustCompile(`:s3:::([a-z-]+)(.*)$`)
	got := map[string][]string{}
	for id, all := range policies {
		for _, s := range all {
			for _, r := range s.Resource {
				var what string
				if m := bucket.FindStringSubmatch(r); m != nil {
					what = m[1] + m[2]
				} else if r == externalKey || r == externalRole {
					what = r
				} else {
					continue
				}
				who := strings.TrimPrefix(id[:len(id)-8], "Feed")
				got[who+" "+what] = append(got[who+" "+what], s.Action...)
			}
		}
	}
	objects := []string{"s3:GetObject", "s3:GetObjectVersion"}
	want := map[string][]string{
		"UnpackRole warehouse-exports":          {"s3:ListBucket"},
		"UnpackRole warehouse-exports/orders/*": objects,
		"UnpackRole partner-drop":               {"s3:ListBucket"},
		"UnpackRole partner-drop/out/*":         objects,
		"UnpackRole open-data":                  {"s3:ListBucket"},
		"UnpackRole open-data/*":                objects,
		"UnpackRole " + externalKey:             {"kms:Decrypt"},
		"UnpackRole " + externalRole:            {"sts:AssumeRole"},
		"DiscoverRole partner-drop":             {"s3:ListBucket", "s3:ListBucketVersions"},
		"DiscoverRole open-data":                {"s3:ListBucket", "s3:ListBucketVersions"},
		"DiscoverRole " + externalRole:          {"sts:AssumeRole"},
	}
	for what, actions := range got {
		slices.Sort(actions)
		if !slices.Equal(actions, want[what]) {
			t.Errorf("%s: %v, want %v", what, actions, want[what])
		}
	}
	if len(got) != len(want) {
		t.Errorf("statements for %v", slices.Sorted(maps.Keys(got)))
	}
}

// With every combination of sources, queues, alarms and Snowflake a feed's stack has
// less than 40 resources, on a store that Snowflake may subscribe to.
func TestEveryModeIsBelowTheResourceLimit(t *testing.T) {
	for name, props := range sourceModes() {
		for _, alarms := range []*constructs.StoreAlarmProps{nil, {}} {
			app := newApp(t)
			props.Store = newStoreOf(t, app, constructs.StoreProps{Snowflake: connection(), Changes: true, Alarms: alarms})
			newFeed(t, app, props)
			if n := len(synth(t, app)["Feed-orders"].Resources); n >= 40 {
				t.Errorf("%s, alarms %t: %d resources, the limit of this project is 39", name, alarms != nil, n)
			}
		}
	}
}
