package test

import (
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/constructs"
)

// EventBridge does not retry an event where it is denied. So every policy that lets a
// rule send is made before the rule, and Snowflake lists the files after that.
func TestRulesAreMadeLast(t *testing.T) {
	for name, props := range sourceModes() {
		if !strings.Contains(name, "existing") && !strings.Contains(name, "sources") {
			continue
		}
		app := newApp(t)
		props.Store = newStoreOf(t, app, constructs.StoreProps{Snowflake: connection(), Changes: true})
		newFeed(t, app, props)
		tpl := synth(t, app)["Feed-orders"]
		permissions := tpl.ofType("AWS::Lambda::Permission")
		for id, rule := range tpl.ofType("AWS::Events::Rule") {
			if rule.Properties["EventPattern"] == nil {
				continue // a schedule: the next listing finds what this one did not
			}
			waits := tpl.before(id)
			for _, target := range rule.Properties["Targets"].([]any) {
				want := map[string]string{"AWS::Lambda::Function": "AWS::Lambda::Permission", "AWS::SQS::Queue": "AWS::SQS::QueuePolicy", "AWS::SNS::Topic": "AWS::SNS::TopicPolicy"}[tpl.typeOf(t, target.(map[string]any)["Arn"])]
				if !slices.ContainsFunc(waits, func(id string) bool { return tpl.Resources[id].Type == want }) {
					t.Errorf("%s: %s does not wait for any %s: %v", name, id, want, waits)
				}
			}
			if !slices.ContainsFunc(waits, func(id string) bool { return strings.HasPrefix(id, "FeedFailureQueuePolicy") }) {
				t.Errorf("%s: %s does not wait for the policy of its dead-letter queue: %v", name, id, waits)
			}
			if n := len(rule.Properties["Name"].(string)); n > 64 {
				t.Errorf("%s: the name of %s has %d characters, the limit of EventBridge is 64", name, id, n)
			}
			for of := range permissions {
				if slices.Contains(tpl.before(of), id) {
					t.Errorf("%s: %s comes before %s", name, id, of)
				}
			}
			for objects := range tpl.ofType("Custom::SnowflakeObjects") {
				if strings.Contains(name, "files") && !slices.Contains(tpl.before(objects), id) {
					t.Errorf("%s: Snowflake lists the files before %s exists", name, id)
				}
			}
		}
	}
}

// before are the resources that are made before one because of DependsOn. Those it
// refers to are made before it too, but a policy is usually not referred to.
func (tpl template) before(id string) []string {
	var all []string
	for next := []string{id}; len(next) > 0; {
		var more []string
		for _, id := range next {
			for _, d := range tpl.Resources[id].DependsOn {
				if !slices.Contains(all, d) {
					all, more = append(all, d), append(more, d)
				}
			}
		}
		next = more
	}
	return all
}

// typeOf is the type of the resource that a Ref or Fn::GetAtt refers to.
func (tpl template) typeOf(t *testing.T, reference any) string {
	t.Helper()
	m, _ := reference.(map[string]any)
	id, _ := m["Ref"].(string)
	if of, ok := m["Fn::GetAtt"].([]any); ok {
		id, _ = of[0].(string)
	}
	if tpl.Resources[id].Type == "" {
		t.Fatalf("%v refers to no resource of the template", reference)
	}
	return tpl.Resources[id].Type
}
