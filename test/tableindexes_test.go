package test

import (
	"strings"
	"testing"

	"example.com/ingestion/constructs"
)

// tableIndexes are the indexes of the table, by name, with their definition as text.
func tableIndexes(t *testing.T, context string) map[string]string {
	t.Helper()
	more := map[string]any{}
	if context != "" {
		more["tableIndexes"] = context
	}
	app := newAppWith(t, more)
	newStoreOf(t, app, constructs.StoreProps{})
	_, table := only(t, synth(t, app)["Store"], "AWS::DynamoDB::GlobalTable", "")
	indexes := map[string]string{}
	for _, index := range table.Properties["GlobalSecondaryIndexes"].([]any) {
		indexes[index.(map[string]any)["IndexName"].(string)] = text(index)
	}
	return indexes
}

// CloudFormation creates or deletes one index of a table in each update, and replaces none
// in place. These are the steps of CHANGELOG.md, from the table of an earlier version.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
func TestStepsToTheIndexesOfThisVersion(t *testing.T) {
	for _, steps := range [][]string{
		{"uploads,uploads_by_time", "uploads_by_time", ""},
		{"uploads,uploads_by_time,by_key", "uploads_by_time,by_key", ""},
	} {
		was := map[string]string{"uploads": `{"IndexName":"uploads","KeySchema":[{"AttributeName":"ledger_feed","KeyType":"HASH"},{"AttributeName":"ledger_time","KeyType":"RANGE"}],"Projection":{"ProjectionType":"ALL"}}`}
		if strings.Contains(steps[0], "by_key") {
			was["by_key"] = tableIndexes(t, "")["by_key"]
		}
		for _, step := range steps {
			now := tableIndexes(t, step)
			changes := 0
			for _, name := range []string{"uploads", "uploads_by_time", "by_key"} {
				switch {
				case (was[name] == "") != (now[name] == ""):
					changes++
				case was[name] != now[name]:
					t.Errorf("step %q: index %s is %s, was %s", step, name, now[name], was[name])
				}
			}
			if changes > 1 {
				t.Errorf("step %q changes %d indexes", step, changes)
			}
			was = now
		}
		if len(was) != 2 || !strings.Contains(was["uploads_by_time"], `"settled"`) || !strings.Contains(was["uploads_by_time"], "INCLUDE") {
			t.Errorf("the table has %v", was)
		}
	}
}

func TestInvalidTableIndexes(t *testing.T) {
	for context, want := range map[string]string{
		"uploads":                         "lacks uploads_by_time",
		"uploads_by_time,other":           "uploads, uploads_by_time, by_key",
		"uploads_by_time,uploads_by_time": "different indexes",
		"uploads_by_time, by_key":         "separated by commas",
	} {
		app := newAppWith(t, map[string]any{"tableIndexes": context})
		_, err := constructs.NewStore(newStack(app, "Store"), "Store", constructs.StoreProps{Assets: fakeAssets(t)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", context, err)
		}
	}
}
