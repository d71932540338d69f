package operator

import (
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"example.com/ingestion/internal/operator/assembly"
)

// Tags that the app sets on its stacks (app.go).
const (
	tagApp         = "app"
	tagEnvironment = "environment"
)

// InApp reports for each deployed feed, in their order, whether the synthesized
// stacks of an app contain its stack. It is nil if that is unknown: for a
// feed of another app, environment, account or region. Feeds are of the same app if
// the tags app and environment of their stacks are those of a synthesized stack and,
// where feeds of synthesized stacks are deployed, they use the table of one of them.
func InApp(stacks []assembly.Stack, feeds []Feed) []*bool {
	names, tables := map[string]bool{}, map[string]bool{}
	for _, s := range stacks {
		names[s.Name] = true
	}
	for _, f := range feeds {
		if names[f.Stack] && sameApp(stacks, f) {
			tables[f.Output("Table")] = true
		}
	}
	all := make([]*bool, len(feeds))
	for i, f := range feeds {
		if sameApp(stacks, f) && (len(tables) == 0 || tables[f.Output("Table")]) {
			contained := names[f.Stack]
			all[i] = &contained
		}
	}
	return all
}

// sameApp reports whether the feed's stack has the tags and the environment of a
// synthesized stack.
func sameApp(stacks []assembly.Stack, f Feed) bool {
	if f.tags[tagApp] == "" {
		return false
	}
	id, err := arn.Parse(f.stackARN)
	for _, s := range stacks {
		if s.Tags[tagApp] != f.tags[tagApp] || s.Tags[tagEnvironment] != f.tags[tagEnvironment] {
			continue
		}
		if (s.Account == "" || err == nil && s.Account == id.AccountID) && (s.Region == "" || err == nil && s.Region == id.Region) {
			return true
		}
	}
	return false
}
