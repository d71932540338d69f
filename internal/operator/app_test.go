package operator_test

import (
	"testing"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/assembly"
	"example.com/ingestion/internal/testing/fake"
)

func TestInApp(t *testing.T) {
	stack := func(name, table, region string, tags ...string) fake.Stack {
		s := fake.Stack{
			Name: name, ARN: "arn:aws:cloudformation:" + region + ":123456789012:stack/" + name + "/1", Tags: map[string]string{},
			Outputs: outputs("F", name, "Table", table),
		}
		for i := 0; i < len(tags); i += 2 {
			s.Tags[tags[i]] = tags[i+1]
		}
		return s
	}
	const region = "eu-central-1"
	deployed := []fake.Stack{
		stack("kept", "records", region, "app", "ingestion"),
		stack("removed", "records", region, "app", "ingestion"),
		stack("other-store", "others", region, "app", "ingestion"),
		stack("other-app", "records", region, "app", "billing"),
		stack("staging-kept", "records", region, "app", "ingestion", "environment", "staging"),
		stack("untagged", "records", region),
	}
	app := func(account, region string, names ...string) (all []assembly.Stack) {
		for _, name := range append(names, "Store") {
			all = append(all, assembly.Stack{Name: name, Account: account, Region: region, Tags: map[string]string{"app": "ingestion"}})
		}
		return all
	}
	tests := map[string]struct {
		app  []assembly.Stack
		want map[string]bool // the others are unknown
	}{
		"a feed was removed":      {app("", "", "kept"), map[string]bool{"kept": true, "removed": false}},
		"this account and region": {app("123456789012", region, "kept"), map[string]bool{"kept": true, "removed": false}},
		"all feeds were removed":  {app("", ""), map[string]bool{"kept": false, "removed": false, "other-store": false}},
		"another account":         {app("210987654321", region, "kept"), nil},
		"another region":          {app("", "us-east-1", "kept"), nil},
		"no app":                  {nil, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			feeds, err := operator.Feeds(t.Context(), &fake.CloudFormation{Stacks: deployed})
			if err != nil || len(feeds) != len(deployed) {
				t.Fatalf("%d feeds, %v", len(feeds), err)
			}
			for i, got := range operator.InApp(test.app, feeds) {
				want, known := test.want[feeds[i].Stack]
				if known != (got != nil) || got != nil && *got != want {
					t.Errorf("stack %s: known %v, in the app %v", feeds[i].Stack, got != nil, got != nil && *got)
				}
			}
		})
	}
}
