package constructs

import (
	"fmt"
	"regexp"
	"slices"
	"unicode"
	"unicode/utf8"

	core "github.com/aws/constructs-go/constructs/v10"

	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

const (
	// replayDays is for how many days the failure queue keeps events, and so for how
	// long the objects that are replayed must exist.
	replayDays = 14
	// accountConcurrency is Lambda's in an account unless it was raised, and
	// unreserved what Lambda keeps of it for functions without a reservation.
	accountConcurrency = 1000
	unreserved         = 100
	// maxRules is how many rules the default bus of an account has in most regions
	// unless it was raised ("Amazon EventBridge quotas").
	maxRules = 300
)

// Warnings are what is valid and unwise about feeds taken together, and what
// cannot be checked before the deployment. What is unwise about one feed, or about
// the store, is a warning of its construct. It does not need jsii.
func Warnings(store StoreProps, feeds ...FeedStack) []string {
	var all []string
	reserved, rules := store.Load.MaxConcurrency, 0
	for _, f := range feeds {
		p := f.withDefaults()
		reserved += p.Unpack.MaxConcurrency
		rules += p.rules()
		for _, s := range p.sources() {
			if s.Kind == feed.ExistingBucket {
				all = append(all, fmt.Sprintf("stack %s: feed %q: Source: nothing arrives from bucket %q unless EventBridge is turned on in its properties, which the deployment neither does nor checks: `bin/ingest doctor %[2]s` does", f.Stack, f.Feed, s.Bucket))
			}
		}
	}
	if most := accountConcurrency - unreserved; reserved > most {
		all = append(all, fmt.Sprintf("MaxConcurrency: the feeds reserve %d concurrent executions in all. An account has %d unless it was raised, of which Lambda lets %d be reserved: lower some", reserved, accountConcurrency, most))
	}
	if rules > maxRules {
		all = append(all, fmt.Sprintf("Source: the feeds have %d rules of EventBridge in all. An account's default bus has %d unless that was raised: have it raised before you deploy, or put more of the sources under one prefix", rules, maxRules))
	}
	return all
}

// rules are how many rules of EventBridge the feed makes for its sources.
func (p IngestionPipelineProps) rules() int {
	n := 0
	for _, s := range p.sources() {
		if s.Kind == feed.OwnBucket {
			continue
		}
		n++
		if s.Kind == feed.ExistingBucket && p.Snowflake != nil {
			if spec := p.Snowflake.spec(p.spec()); spec.From == snowflake.FromFiles && spec.Load == snowflake.ExternalTable {
				n++
			}
		}
	}
	return n
}

// Warnings are what is valid and unwise about the store.
func (p StoreProps) Warnings() []string {
	if days := p.LandingExpirationDays; days > 0 && days < replayDays {
		return []string{fmt.Sprintf("LandingExpirationDays: parts are deleted after %d days, and what failed can be replayed for %d: give %[2]d or more", days, replayDays)}
	}
	return nil
}

// Warnings are what is valid and unwise about the feed.
func (p IngestionPipelineProps) Warnings() []string {
	p = p.withDefaults()
	var all []string
	warn := func(field, format string, args ...any) {
		all = append(all, fmt.Sprintf("feed %q: %s: %s", p.Feed, field, fmt.Sprintf(format, args...)))
	}
	external := p.Snowflake != nil && p.Snowflake.From.from == snowflake.FromFiles && p.Snowflake.Load.load == snowflake.ExternalTable
	for _, s := range p.sources() {
		switch {
		case !external:
		case s.Kind == feed.OwnBucket:
			warn("Source", "the bucket keeps no versions, because an external table does not support them: an object that is overwritten before it is unpacked is lost; write each file under another key, or use FromParts()")
		case s.Kind == feed.ExistingBucket:
			warn("Source", "an external table does not support a bucket with S3 versioning: check that %q has none, or use FromParts()", s.Bucket)
		}
		if s.Kind == feed.OwnBucket && s.NoncurrentDays < replayDays {
			warn("Source", "an overwritten object is deleted after %d days, and what failed can be replayed for %d: give WithNoncurrentDays(%[2]d) or more", s.NoncurrentDays, replayDays)
		}
	}
	for _, s := range p.sources() {
		if last, _ := utf8.DecodeLastRuneInString(s.Prefix); unicode.IsLetter(last) || unicode.IsDigit(last) {
			warn("Source", "prefix %q is also that of keys such as %q: end it with a slash if it is a folder", s.Prefix, s.Prefix+"-old/a")
		}
	}
	for _, field := range p.unknownKeyFields() {
		warn("RecordKey", "no column of the format is called %q: each record will be without a key", field)
	}
	if n := p.Limits.MaxRecordBytes; p.Snowflake != nil && n > feed.DefaultMaxRecordBytes && p.Snowflake.From.from != snowflake.FromTable {
		warn("Limits.MaxRecordBytes", "is %d, and a column of Snowflake has at most %d bytes: a larger record makes Snowflake refuse the whole part, so give %[2]d or less", n, feed.DefaultMaxRecordBytes)
	}
	if p.Snowflake != nil {
		for _, n := range []struct{ field, name string }{{"Database", p.Snowflake.Database}, {"Schema", p.Snowflake.Schema}, {"Table", p.Snowflake.Table}, {"View", p.Snowflake.View}} {
			if n.name != "" && !stackscope.IsToken(n.name) && !unquoted.MatchString(n.name) {
				warn("Snowflake."+n.field, "%q has to be quoted in every statement: give a name of letters, digits and underscores", n.name)
			}
		}
	}
	return all
}

// unknownKeyFields are the fields of the key that no declared column has.
func (p IngestionPipelineProps) unknownKeyFields() []string {
	columns := p.Format.spec.Columns
	if p.RecordKey.key == nil || len(columns) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.RecordKey.key.Fields), func(field string) bool {
		path, err := feed.SplitPath(field)
		return err != nil || slices.Contains(columns, path[0])
	})
}

// unquoted matches identifiers that need no quotes in SQL.
// https://docs.snowflake.com/en/sql-reference/identifiers-syntax
var unquoted = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*$`)

// annotate has the CDK show warnings wherever a construct is synthesized or deployed.
func annotate(this core.Construct, warnings []string) {
	for _, w := range warnings {
		stackscope.AddWarning(this, "ingestion:"+stackscope.Digest(w, 4), w)
	}
}

// locator is an account of Snowflake by its old name, with its region where that
// is one of AWS: "xy12345.eu-central-1".
var locator = regexp.MustCompile(`^[A-Za-z0-9_]+\.([a-z]{2}(?:-[a-z]+)+-[0-9])(?:\.aws)?$`)

// warnOfOtherRegion warns of an account of Snowflake in another region than the
// stack, where both regions are known at synthesis.
func warnOfOtherRegion(c *SnowflakeConnection, feedName string, regionOf func() string) []string {
	if c == nil {
		return nil
	}
	region := regionOf()
	if stackscope.IsToken(region) {
		return nil
	}
	in := locator.FindStringSubmatch(c.Account)
	if in == nil || in[1] == region {
		return nil
	}
	return []string{fmt.Sprintf("feed %q: Snowflake.Connection.Account: %q is in %s and the stack in %s: each byte that Snowflake loads is paid for as transfer between regions", feedName, c.Account, in[1], region)}
}
