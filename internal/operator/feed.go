// Package operate finds deployed feeds by the outputs of their stacks, for
// whoever runs them: package cmd/ingest's verbs are built on it.
package operator

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"example.com/ingestion/snowflake"
)

// Feed is a deployed feed, as its stack tells of it.
type Feed struct {
	// Name is the feed's own.
	Name string
	// Stack is the name of its stack.
	Stack string
	// ID comes before the names of the feed's outputs: the ID of its pipeline
	// in the stack, without what is neither letter nor digit.
	ID string
	// outputs are those of the feed, without ID.
	outputs map[string]string
}

// String names the feed so that no other is meant.
func (f Feed) String() string { return f.Stack + "/" + f.Name }

// Outputs of a feed.
const (
	outputFeed             = "Feed"
	outputLandingPrefix    = "LandingPrefix"
	outputSnowflakeOwner   = "SnowflakeOwner"
	outputSnowflakeBucket  = "SnowflakeBucket"
	outputSnowflakeRoleARN = "SnowflakeRoleArn"
	outputSnowflakeTopic   = "SnowflakeTopic"
)

// Output returns an output of the feed's stack by its name without the ID, or "".
func (f Feed) Output(name string) string { return f.outputs[name] }

// Required is Output of what every feed has. The error says what to do about a
// stack of an earlier version.
func (f Feed) Required(name string) (string, error) {
	value := f.Output(name)
	if value == "" {
		return "", fmt.Errorf("feed %q: stack %s has no output %s%s: deploy it again with this version", f.Name, f.Stack, f.ID, name)
	}
	return value, nil
}

// SnowflakeNames are what the stack knows of the feed's side of Snowflake.
func (f Feed) SnowflakeNames() (snowflake.Names, error) {
	n := snowflake.Names{
		Owner: f.Output(outputSnowflakeOwner), Bucket: f.Output(outputSnowflakeBucket),
		RoleARN: f.Output(outputSnowflakeRoleARN), TopicARN: f.Output(outputSnowflakeTopic),
	}
	var missing []string
	for _, o := range []struct{ name, value string }{
		{outputSnowflakeOwner, n.Owner}, {outputSnowflakeBucket, n.Bucket}, {outputSnowflakeRoleARN, n.RoleARN},
	} {
		if o.value == "" {
			missing = append(missing, f.ID+o.name)
		}
	}
	if len(missing) > 0 {
		return n, fmt.Errorf("feed %q: stack %s has no output %s: deploy it again with this version", f.Name, f.Stack, strings.Join(missing, ", "))
	}
	return n, nil
}

// stackFeeds are the feeds of a stack, by their names.
func stackFeeds(stack types.Stack) []Feed {
	outputs := map[string]string{}
	for _, o := range stack.Outputs {
		outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	var feeds []Feed
	for key, value := range outputs {
		id, ok := strings.CutSuffix(key, outputFeed)
		// Stacks of others may have an output like that too: only a feed's
		// parts are in a folder of its name.
		if !ok || !strings.HasSuffix(outputs[id+outputLandingPrefix], "/"+value+"/") {
			continue
		}
		f := Feed{Name: value, Stack: aws.ToString(stack.StackName), ID: id, outputs: map[string]string{}}
		for name, value := range outputs {
			// With the IDs "A" and "AB" this also takes in, under names that
			// nobody asks for, what belongs to the other.
			if name, ok := strings.CutPrefix(name, id); ok {
				f.outputs[name] = value
			}
		}
		feeds = append(feeds, f)
	}
	slices.SortFunc(feeds, func(a, b Feed) int { return strings.Compare(a.Name, b.Name) })
	return feeds
}

var notAlphanumeric = regexp.MustCompile(`[^A-Za-z0-9]`)

// metadata is the entry of a template's metadata that belongs to the feed.
func metadata[T any](f Feed, all map[string]T) (T, error) {
	for id, m := range all {
		if notAlphanumeric.ReplaceAllString(id, "") == f.ID {
			return m, nil
		}
	}
	var zero T
	return zero, fmt.Errorf("feed %q: the template of stack %s has Metadata.%s for %q only, not for %s: deploy it again with this version",
		f.Name, f.Stack, metadataKey, slices.Sorted(maps.Keys(all)), f.ID)
}
