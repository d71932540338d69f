package test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/constructs"
)

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
