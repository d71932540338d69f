package constructs

import (
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3notifications"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"ingestion/internal/feed"
)

// Source is where the files of a feed come from. Make one with NewBucket.
type Source interface {
	// describe enters into s what the functions must know of the source.
	describe(s *feed.Spec)
	// validate reports what the feed's spec does not check.
	validate(report report)
	// connect makes or finds the bucket, lets unpack read it and has unpack
	// invoked for each new object. With others who want to hear of the objects
	// it is a topic that invokes unpack: of two notifications for the same
	// objects, S3 refuses one.
	connect(scope core.Construct, unpack function, others *subscribers) (awss3.IBucket, *topic)
}

// SourceOption is an option of a Source.
type SourceOption func(*sourceOptions)

type sourceOptions struct {
	prefix         string
	suffixes       []string
	noncurrentDays int
}

// WithPrefix limits the feed to objects whose key starts with prefix, such as "incoming/".
func WithPrefix(prefix string) SourceOption {
	return func(o *sourceOptions) { o.prefix = prefix }
}

// WithSuffixes limits the feed to objects whose key ends with one of suffixes,
// such as ".json.gz". At most 100, none the end of another.
func WithSuffixes(suffixes ...string) SourceOption {
	return func(o *sourceOptions) { o.suffixes = suffixes }
}

// WithNoncurrentDays sets for how many days an overwritten or deleted object
// can still be read and replayed (default 30).
func WithNoncurrentDays(days int) SourceOption {
	return func(o *sourceOptions) { o.noncurrentDays = days }
}

const defaultNoncurrentDays = 30

// NewBucket is a bucket of the feed's own: encrypted, versioned, TLS only,
// closed to the public and kept when the feed is destroyed.
func NewBucket(options ...SourceOption) Source {
	o := sourceOptions{noncurrentDays: defaultNoncurrentDays}
	for _, option := range options {
		option(&o)
	}
	return newBucket{o}
}

type newBucket struct{ sourceOptions }

func (b newBucket) describe(s *feed.Spec) {
	s.Sources = append(s.Sources, feed.Source{Kind: feed.OwnBucket, Prefix: b.prefix, Suffixes: b.suffixes})
}

// maxNotifications is how many notification configurations S3 allows a bucket.
const maxNotifications = 100

// plainKey matches what S3's notification filters, IAM's resource patterns and
// the object's own key all write alike. Of other characters the filters want
// the URL-encoded form, and IAM takes *, ? and $ for its own.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9!_.()/=-]*$`)

func (b newBucket) validate(report report) {
	const allowed = "may have ASCII letters, digits and !_.()/=- only: S3 and IAM read other characters of a filter each in its own way"
	if !plainKey.MatchString(b.prefix) {
		report("Source.Prefix", "%q "+allowed, b.prefix)
	}
	if len(b.suffixes) > maxNotifications {
		report("Source.Suffixes", "has %d suffixes, the limit of a bucket is %d: use a prefix", len(b.suffixes), maxNotifications)
	}
	for i, s := range b.suffixes {
		if s == "" {
			report("Source.Suffixes", "suffix %d is empty: leave the option out to take every object", i+1)
			continue
		}
		if !plainKey.MatchString(s) {
			report("Source.Suffixes", "%q "+allowed, s)
		}
		for j, other := range b.suffixes {
			if i != j && other != "" && strings.HasSuffix(s, other) && (s != other || i < j) {
				report("Source.Suffixes", "%q ends with %q: S3 refuses overlapping filters, keep the shorter", s, other)
			}
		}
	}
	if b.noncurrentDays < 1 {
		report("Source", "%d days of overwritten versions is below 1: a version that is gone before it is read is lost", b.noncurrentDays)
	}
}

func (b newBucket) connect(scope core.Construct, unpack function, others *subscribers) (awss3.IBucket, *topic) {
	bucket := awss3.NewBucket(scope, jsii.String("SourceBucket"), &awss3.BucketProps{
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		// Without versions, an object that is overwritten before unpack gets to it is lost.
		Versioned:     jsii.Bool(true),
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
		LifecycleRules: &[]*awss3.LifecycleRule{{
			AbortIncompleteMultipartUploadAfter: days(7),
			NoncurrentVersionExpiration:         days(b.noncurrentDays),
		}},
	})
	unpack.allow(nil, []string{*bucket.ArnForObjects(jsii.String(b.prefix + "*"))}, "s3:GetObject", "s3:GetObjectVersion")
	// With the right to list, S3 answers 404 for an object that is gone; without
	// it 403, as for one that is denied. A condition on s3:prefix would undo
	// that: the request for an object carries no prefix to compare.
	unpack.allow(nil, []string{*bucket.BucketArn()}, "s3:ListBucket")

	// OBJECT_CREATED is s3:ObjectCreated:*. "Put" alone misses multipart uploads.
	if others == nil {
		for _, filter := range b.filters() {
			bucket.AddEventNotification(awss3.EventType_OBJECT_CREATED, awss3notifications.NewLambdaDestination(unpack.Function), filter...)
		}
		return bucket, nil
	}
	topic := newTopic(core.NewConstruct(scope, jsii.String("SourceTopic")), bucket, "SourceBucket", *others)
	topic.sns.AddSubscription(awssnssubscriptions.NewLambdaSubscription(unpack.Function, nil))
	// The subscription is part of unpack's node: were it not there first, an
	// object that arrives during the deployment would be told to nobody.
	topic.announce(awss3.EventType_OBJECT_CREATED, b.filters(), unpack.Function)
	if others.removals {
		topic.announce(awss3.EventType_OBJECT_REMOVED, b.filters())
	}
	return bucket, topic
}

// filters returns the filter of each notification: one per suffix. A filter
// without any rule is refused by the CDK, so one that takes all is left out.
func (b newBucket) filters() [][]*awss3.NotificationKeyFilter {
	var prefix *string
	if b.prefix != "" {
		prefix = jsii.String(b.prefix)
	}
	if len(b.suffixes) == 0 {
		if prefix == nil {
			return [][]*awss3.NotificationKeyFilter{nil}
		}
		return [][]*awss3.NotificationKeyFilter{{{Prefix: prefix}}}
	}
	var filters [][]*awss3.NotificationKeyFilter
	for _, s := range b.suffixes {
		filters = append(filters, []*awss3.NotificationKeyFilter{{Prefix: prefix, Suffix: jsii.String(s)}})
	}
	return filters
}

func days(n int) awscdk.Duration { return awscdk.Duration_Days(jsii.Number(n)) }
