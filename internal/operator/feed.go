package operator

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// Feed is a deployed feed, as the outputs of its stack describe it.
type Feed struct {
	// Name is the name of the feed.
	Name string
	// Stack is the name of its stack.
	Stack string
	// ID is the prefix of the names of the feed's outputs: the ID of its pipeline
	// in the stack, without the characters that are neither letters nor digits.
	ID string
	// outputs are the feed's outputs, by their names without ID.
	outputs map[string]string
	// stackARN and tags are those of the stack.
	stackARN string
	tags     map[string]string
}

// String returns the unambiguous name of the feed: Stack/feed.
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

// Output returns an output of the feed by its name without the ID, or "".
func (f Feed) Output(name string) string { return f.outputs[name] }

// Required is Output for an output that every feed has. The error is for a stack
// that was deployed by an earlier version.
func (f Feed) Required(name string) (string, error) {
	value := f.Output(name)
	if value == "" {
		return "", fmt.Errorf("feed %q: stack %s has no output %s%s: deploy it again with this version", f.Name, f.Stack, f.ID, name)
	}
	return value, nil
}

// RecordKey returns the key of the feed's records, nil for none.
func (f Feed) RecordKey() (*feed.RecordKey, error) {
	text := f.Output("RecordKey")
	if text == "" {
		return nil, nil //nolint:nilnil // the feed has no key
	}
	var key feed.RecordKey
	if err := json.Unmarshal([]byte(text), &key); err != nil {
		return nil, fmt.Errorf("feed %q: output %sRecordKey of stack %s: %w", f.Name, f.ID, f.Stack, err)
	}
	return &key, nil
}

// SnowflakeNames returns the names of AWS resources that the SQL of the feed's
// Snowflake objects contains.
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

// stackFeeds returns the feeds of a stack, by name.
func stackFeeds(stack types.Stack) []Feed {
	outputs := map[string]string{}
	for _, o := range stack.Outputs {
		outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	tags := map[string]string{}
	for _, t := range stack.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	var feeds []Feed
	for key, value := range outputs {
		id, ok := strings.CutSuffix(key, outputFeed)
		// Other stacks may have an output with that suffix too; only that of a feed
		// has a landing prefix that ends in its name.
		if !ok || !strings.HasSuffix(outputs[id+outputLandingPrefix], "/"+value+"/") {
			continue
		}
		f := Feed{Name: value, Stack: aws.ToString(stack.StackName), ID: id, outputs: map[string]string{}, stackARN: aws.ToString(stack.StackId), tags: tags}
		for name, value := range outputs {
			// With the IDs "A" and "AB" this also includes the outputs of "AB", under
			// names that no output of "A" has.
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

// metadata returns the entry of a template's metadata that describes the feed.
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
