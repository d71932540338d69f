package constructs

import (
	"errors"
	"fmt"
	"regexp"

	"example.com/ingestion/constructs/internal/source"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// StoreStack is the name that an app gives the stack of its store. No feed's
// stack has it.
const StoreStack = "Store"

// FeedStack is one feed and the name of its stack.
type FeedStack struct {
	// Stack is the name of the stack, with which the names of its outputs begin too.
	// A feed whose stack is renamed is a new feed, with a new source bucket. 1 to 128 letters, digits
	// and hyphens, starting with a letter.
	Stack string
	IngestionPipelineProps
}

// stackName matches the names that CloudFormation allows, up to maxStackName long.
var stackName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

const maxStackName = 128

// ValidateFeeds reports everything that is wrong with a store and with feeds
// that are to share it, each by itself and against the others. Each problem names
// the stack, the feed, the field, the value given, the limit and the remedy. It
// does not need jsii, so that a mistake is reported before the CDK starts.
func ValidateFeeds(store StoreProps, feeds ...FeedStack) error {
	errs := []error{store.Validate()}
	stacks, names := map[string]bool{}, map[string]bool{}
	for i, f := range feeds {
		f.validateStack(&errs, stacks)
		errs = append(errs, f.named(f.validate(store.capabilities()))...)
		report := f.report(&errs)
		if names[f.Feed] {
			report("Feed", "several feeds of one store have this name: give each a name of its own")
		}
		names[f.Feed] = true
		for _, other := range feeds[:i] {
			f.validateWith(report, other)
		}
	}
	return errors.Join(errs...)
}

// report returns a report whose problems are put into errs.
func (f FeedStack) report(errs *[]error) report {
	return func(field, format string, args ...any) {
		*errs = append(*errs, fmt.Errorf("stack %s: feed %q: %s: %s", f.Stack, f.Feed, field, fmt.Sprintf(format, args...)))
	}
}

// named returns each of the errors that err joins, with the name of the stack before it.
func (f FeedStack) named(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{fmt.Errorf("stack %s: %w", f.Stack, err)}
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, f.named(e)...)
	}
	return errs
}

// validateStack reports what is wrong with the stack's name; taken are those of
// the feeds before.
func (f FeedStack) validateStack(errs *[]error, taken map[string]bool) {
	report := f.report(errs)
	switch {
	case f.Stack == "":
		report("Stack", "is required: give the feed's stack a name, such as \"Orders\"")
	case len(f.Stack) > maxStackName:
		report("Stack", "has %d characters, the limit of CloudFormation is %d: try a shorter name", len(f.Stack), maxStackName)
	case !stackName.MatchString(f.Stack):
		report("Stack", "may have letters, digits and hyphens only, and starts with a letter: \"Orders\"")
	case f.Stack == StoreStack:
		report("Stack", "is the name of the store's stack: give the feed's another")
	case taken[f.Stack]:
		report("Stack", "several feeds have a stack of this name: give each a stack of its own")
	}
	taken[f.Stack] = true
}

// validateWith reports what f and another feed cannot both have.
func (f FeedStack) validateWith(report report, other FeedStack) {
	for _, s := range f.sources() {
		for _, o := range other.sources() {
			if s.Kind == feed.OwnBucket || o.Kind == feed.OwnBucket || !source.Overlap(s.Source, o.Source) {
				continue
			}
			if !s.Shared && !o.Shared {
				report("Source", "takes objects of bucket %q below %q that feed %q takes too, below %q: separate them by prefix or suffix, or give both Shared() if both are to have them", s.Bucket, s.Prefix, other.Feed, o.Prefix)
			} else if f.pipedFiles() && other.pipedFiles() && f.Snowflake.account() == other.Snowflake.account() {
				report("Snowflake.From", "FromFiles with Continuous makes a pipe over s3://%s/%s, and feed %q has one over s3://%[1]s/%[4]s: give one of the two FromParts()", s.Bucket, s.Prefix, other.Feed, o.Prefix)
			}
		}
	}
	f.validateSnowflakeWith(report, other)
}

// pipedFiles reports whether a pipe of Snowflake reads the feed's source files.
func (p IngestionPipelineProps) pipedFiles() bool {
	if p.Snowflake == nil {
		return false
	}
	spec := p.Snowflake.spec(p.spec())
	return spec.From == snowflake.FromFiles && spec.Load == snowflake.Continuous
}
