package operator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// API is the part of the CloudFormation client that the package uses.
type API interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	GetTemplate(context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options)) (*cloudformation.GetTemplateOutput, error)
}

// Errors of Find.
var (
	ErrNotFound  = errors.New("no such feed")
	ErrAmbiguous = errors.New("more than one feed")
)

// Feeds returns the deployed feeds of the account and region, by stack and name.
func Feeds(ctx context.Context, api API) ([]Feed, error) {
	var feeds []Feed
	for pages := cloudformation.NewDescribeStacksPaginator(api, &cloudformation.DescribeStacksInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the stacks: %w", explain(err))
		}
		for _, stack := range page.Stacks {
			feeds = append(feeds, stackFeeds(stack)...)
		}
	}
	slices.SortFunc(feeds, func(a, b Feed) int {
		return cmp.Or(strings.Compare(a.Stack, b.Stack), strings.Compare(a.Name, b.Name))
	})
	return feeds, nil
}

// Find returns the feed with a name: its own, that of its stack, or both as
// Feed.String writes them. The error wraps ErrNotFound or ErrAmbiguous if the name
// is the cause.
func Find(ctx context.Context, api API, name string) (Feed, error) {
	all, err := Feeds(ctx, api)
	if err != nil {
		return Feed{}, err
	}
	var found []Feed
	for _, f := range all {
		if name == f.Name || name == f.Stack || name == f.String() {
			found = append(found, f)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return Feed{}, fmt.Errorf("%w has the name %q: use one of %s", ErrAmbiguous, name, names(found))
	case len(all) == 0:
		return Feed{}, fmt.Errorf("%w, %q: no stack of this account and region has a feed: is it the right --profile and --region?", ErrNotFound, name)
	}
	return Feed{}, fmt.Errorf("%w, %q: this account and region has %s", ErrNotFound, name, names(all))
}

func names(feeds []Feed) string {
	var all []string
	for _, f := range feeds {
		all = append(all, f.String())
	}
	return strings.Join(all, ", ")
}

// Static is the metadata of a feed in the template of its stack.
type Static struct {
	Spec feed.Spec
	// Snowflake is nil for a feed that is not loaded into Snowflake.
	Snowflake *snowflake.Spec
	// Connection is how the feed's deployment connects to Snowflake; nil if it does
	// not. Secret is empty if its name is known at deployment only: then it is the
	// output SnowflakeSecret.
	Connection *snowflake.Connection
}

const metadataKey = "Ingestion"

// Static reads the template of the feed's stack.
func (f Feed) Static(ctx context.Context, api API) (Static, error) {
	out, err := api.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &f.Stack})
	if err != nil {
		return Static{}, fmt.Errorf("feed %q: read the template of stack %s: %w", f.Name, f.Stack, explain(err))
	}
	var template struct {
		Metadata struct {
			Ingestion map[string]Static
		}
	}
	if err := json.Unmarshal([]byte(aws.ToString(out.TemplateBody)), &template); err != nil {
		return Static{}, fmt.Errorf("feed %q: the template of stack %s: %w", f.Name, f.Stack, err)
	}
	s, err := metadata(f, template.Metadata.Ingestion)
	if err == nil && s.Spec.Feed != f.Name {
		err = fmt.Errorf("feed %q: the template of stack %s describes feed %q: was a deployment rolled back? Deploy it again", f.Name, f.Stack, s.Spec.Feed)
	}
	return s, err
}
