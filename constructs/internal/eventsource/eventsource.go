// Package eventsource connects the sources of a feed to the function unpack:
// notifications of its own bucket, rules of EventBridge for existing buckets, and
// a function with schedules that lists external ones.
package eventsource

import (
	core "github.com/aws/constructs-go/constructs/v10"

	"example.com/ingestion/constructs/internal/bucket"
	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/queue"
	"example.com/ingestion/constructs/internal/source"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/constructs/internal/topic"
	"example.com/ingestion/feed"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
)

// Config describes the sources of a feed and what is connected to them.
type Config struct {
	stackscope.Settings
	Feed    string
	Sources []source.Source
	// Unpack is notified of each object.
	Unpack *function.Output
	// Failures takes the events that could not be delivered.
	Failures *queue.Output
	// Subscribers are notified of the objects too; nil for none. Of two notifications
	// for the same objects S3 refuses one, so that a topic notifies all of them.
	Subscribers *topic.Subscribers
	// Function has what the functions of the feed have in common.
	Function function.Config
	// DiscoverName is the name of the function discover, which exists only for
	// external buckets, and TableARN the table with what it has listed.
	DiscoverName, TableARN string
	// Identity distinguishes the feed from those of the same name elsewhere.
	Identity string
}

// Output is what was made for the sources.
type Output struct {
	// Bucket is the feed's own, nil without one.
	Bucket *bucket.Output
	// Topic announces the objects, nil without subscribers.
	Topic *topic.Output
	// Discover is the function that lists external buckets, nil without one.
	Discover *function.Output
	// Rules are those of existing buckets and the schedules of external ones.
	Rules []awsevents.CfnRule
}

// eventSource is an Output that is being made.
type eventSource struct {
	*Output
	Config
	scope core.Construct
	// ruleARNs are of the rules that send events of objects.
	ruleARNs []string
}

// New makes or refers to the bucket of each source, lets unpack read it and has
// unpack notified of each new object.
func New(scope core.Construct, c Config) *Output {
	e := &eventSource{Output: &Output{}, Config: c, scope: scope}
	external := false
	for _, s := range c.Sources {
		switch s.Kind {
		case feed.OwnBucket:
			e.connectOwn(s)
		case feed.ExistingBucket:
			e.connectExisting(s)
		case feed.ExternalBucket:
			external = true
			e.allowReading(s)
		}
	}
	if external {
		e.connectExternal()
	}
	e.allowRules()
	return e.Output
}

// allowReading lets unpack read an existing or external source: its objects, or
// the role to assume.
func (e *eventSource) allowReading(s source.Source) {
	if s.RoleARN != "" {
		e.Unpack.Allow(nil, []string{s.RoleARN}, "sts:AssumeRole")
		return
	}
	e.allowObjects(s, e.BucketARN(s.Bucket))
	if s.KeyARN != "" {
		e.Unpack.Allow(nil, []string{s.KeyARN}, "kms:Decrypt")
	}
}

// allowObjects lets unpack read the objects of a source.
func (e *eventSource) allowObjects(s source.Source, bucketARN string) {
	below := "/" + stackscope.EscapeIAM(s.Prefix) + "*"
	e.Unpack.Allow(nil, []string{bucketARN + below}, "s3:GetObject", "s3:GetObjectVersion")
	e.Unpack.AllowWildcards("The files of the feed, whose names are known when they arrive", below)
	// With s3:ListBucket, S3 answers 404 for an object that does not exist; without
	// it 403, as for one that is denied. A condition on s3:prefix would undo that:
	// the request for an object has no prefix.
	e.Unpack.Allow(nil, []string{bucketARN}, "s3:ListBucket")
}
