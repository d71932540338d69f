package constructs

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3notifications"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/feed"
)

// inlet is where a feed hears of its objects: unpack itself or, with Buffer:
// Queue, the queue before it.
type inlet struct {
	*IngestionPipeline
	common functionConfig
	// buffer is nil without queues.
	buffer *buffer
	// others want to hear of the objects too, nil for none: of two notifications
	// for the same objects S3 refuses one, so that a topic tells them all.
	others *subscribers
	topic  *topic
	// rules are the ARNs of the rules of EventBridge that the feed has.
	rules []string
}

// connect makes or finds the bucket of each source, lets unpack read it and has
// unpack told of each new object.
func (in *inlet) connect(all []source) {
	external := false
	for _, s := range all {
		switch s.Kind {
		case feed.OwnBucket:
			in.connectOwn(s)
		case feed.ExistingBucket:
			in.connectExisting(s)
		case feed.ExternalBucket:
			external = true
			in.allowReading(in.unpack, s)
		}
	}
	if external {
		in.connectExternal(all)
	}
	in.allowRules()
}

func (in *inlet) connectOwn(s source) {
	bucket := newDataBucket(in.Construct, "SourceBucket", in.unpack.settings, awss3.BucketProps{
		// Without versions, an object that is overwritten before unpack gets to it is lost.
		Versioned: jsii.Bool(true),
		LifecycleRules: &[]*awss3.LifecycleRule{{
			AbortIncompleteMultipartUploadAfter: days(7),
			NoncurrentVersionExpiration:         days(s.noncurrentDays),
		}},
	})
	in.SourceBucket = bucket
	in.allowObjects(in.unpack, s, *bucket.BucketArn())
	if in.others != nil {
		in.topic = newTopic(core.NewConstruct(in.Construct, jsii.String("SourceTopic")), bucket, "SourceBucket", *in.others)
		// Were the subscription not there first, an object that arrives during the
		// deployment would be told to nobody.
		in.topic.announce(awss3.EventType_OBJECT_CREATED, s.filters(), in.subscribe()...)
		if in.others.removals {
			in.topic.announce(awss3.EventType_OBJECT_REMOVED, s.filters())
		}
		return
	}
	var destination awss3.IBucketNotificationDestination
	if in.buffer == nil {
		destination = awss3notifications.NewLambdaDestination(in.unpack.Function)
	} else {
		in.buffer.accept("s3.amazonaws.com", map[string]any{
			"ArnEquals":    map[string]any{"aws:SourceArn": bucket.BucketArn()},
			"StringEquals": map[string]any{"aws:SourceAccount": in.site.account()},
		})
		destination = awss3notifications.NewSqsDestination(in.buffer.reference())
	}
	// OBJECT_CREATED is s3:ObjectCreated:*. "Put" alone misses multipart uploads.
	for _, filter := range s.filters() {
		bucket.AddEventNotification(awss3.EventType_OBJECT_CREATED, destination, filter...)
	}
	after := in.site.allowNotifications(bucket, in.unpack.settings)
	if in.buffer != nil {
		after = append(after, in.buffer.drain)
	}
	if len(after) > 0 {
		bucket.Node().FindChild(jsii.String("Notifications")).Node().AddDependency(after...)
	}
}

// subscribe has unpack hear what the topic tells, and returns what must be there
// before it does.
func (in *inlet) subscribe() []core.IDependable {
	if in.buffer == nil {
		in.topic.sns.AddSubscription(awssnssubscriptions.NewLambdaSubscription(in.unpack.Function, nil))
		return []core.IDependable{in.unpack.Function} // the subscription is part of its node
	}
	in.buffer.accept("sns.amazonaws.com", map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": in.topic.sns.TopicArn()}})
	subscription := awssns.NewCfnSubscription(in.Construct, jsii.String("UnpackSubscription"), &awssns.CfnSubscriptionProps{
		TopicArn: in.topic.sns.TopicArn(), Protocol: jsii.String("sqs"), Endpoint: in.buffer.unpack.AttrArn(),
		RawMessageDelivery: true,
	})
	subscription.Node().AddDependency(in.buffer.drain)
	return []core.IDependable{subscription}
}

// allowReading lets f read an existing or external source: its objects itself,
// or the role through which somebody else lets them be read.
func (in *inlet) allowReading(f function, s source) {
	if s.RoleARN != "" {
		f.allow(nil, []string{s.RoleARN}, "sts:AssumeRole")
		return
	}
	in.allowObjects(f, s, in.site.bucketARN(s.Bucket))
	if s.keyARN != "" {
		f.allow(nil, []string{s.keyARN}, "kms:Decrypt")
	}
}

// allowObjects lets f read the objects of a source.
func (in *inlet) allowObjects(f function, s source, bucketARN string) {
	f.allow(nil, []string{bucketARN + "/" + literal(s.Prefix) + "*"}, "s3:GetObject", "s3:GetObjectVersion")
	f.wildcards("The files of the feed, whose names are known when they arrive", "/"+literal(s.Prefix)+"*")
	// With the right to list, S3 answers 404 for an object that is gone; without
	// it 403, as for one that is denied. A condition on s3:prefix would undo
	// that: the request for an object carries no prefix to compare.
	f.allow(nil, []string{bucketARN}, "s3:ListBucket")
}

// bucketARN is the ARN of a bucket that somebody else looks after.
func (s *site) bucketARN(name string) string { return "arn:" + s.partition() + ":s3:::" + name }

// literal is text as IAM takes it for itself in a resource, where *, ? and $
// have a meaning.
func literal(text string) string {
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(text)
}

// tlsOnly refuses everyone who comes to a queue without encryption.
func tlsOnly(queueARN *string) map[string]any {
	return map[string]any{
		"Effect": "Deny", "Principal": map[string]any{"AWS": "*"}, "Action": "sqs:*", "Resource": queueARN,
		"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
	}
}

// filters returns the filter of each notification: one per suffix. A filter
// without any rule is refused by the CDK, so one that takes all is left out.
func (s source) filters() [][]*awss3.NotificationKeyFilter {
	var prefix *string
	if s.Prefix != "" {
		prefix = &s.Prefix
	}
	if len(s.Suffixes) == 0 {
		if prefix == nil {
			return [][]*awss3.NotificationKeyFilter{nil}
		}
		return [][]*awss3.NotificationKeyFilter{{{Prefix: prefix}}}
	}
	var filters [][]*awss3.NotificationKeyFilter
	for _, suffix := range s.Suffixes {
		filters = append(filters, []*awss3.NotificationKeyFilter{{Prefix: prefix, Suffix: jsii.String(suffix)}})
	}
	return filters
}
