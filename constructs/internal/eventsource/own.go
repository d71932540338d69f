package eventsource

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3notifications"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/bucket"
	"example.com/ingestion/constructs/internal/source"
	"example.com/ingestion/constructs/internal/topic"
)

// connectOwn makes the feed's own bucket and its notifications.
func (e *eventSource) connectOwn(s source.Source) {
	b := bucket.New(e.scope, "SourceBucket", bucket.Config{
		Settings: e.Settings,
		// Without versions, an object that is overwritten before unpack reads it is lost. A
		// bucket of an external table has none, because Snowflake does not support them.
		// https://docs.snowflake.com/en/sql-reference/sql/create-external-table#usage-notes
		Versioned: e.Subscribers == nil || !e.Subscribers.Removals,
		LifecycleRules: []*awss3.LifecycleRule{{
			AbortIncompleteMultipartUploadAfter: e.Days(7),
			NoncurrentVersionExpiration:         e.Days(s.NoncurrentDays),
		}},
	})
	e.Bucket = b
	e.allowObjects(s, b.ARN)
	if e.Subscribers != nil {
		e.Topic = topic.NewForBucket(core.NewConstruct(e.scope, jsii.String("SourceTopic")), b, "SourceBucket", topic.Config{Settings: e.Settings, Subscribers: *e.Subscribers})
		// The subscription comes first: otherwise nobody would be notified of an object
		// that arrives during the deployment.
		e.Topic.Announce(awss3.EventType_OBJECT_CREATED, s.Filters(), e.subscribe()...)
		if e.Subscribers.Removals {
			e.Topic.Announce(awss3.EventType_OBJECT_REMOVED, s.Filters())
		}
		return
	}
	destination := awss3notifications.NewLambdaDestination(e.Unpack.Function)
	// OBJECT_CREATED is s3:ObjectCreated:*. "Put" alone misses multipart uploads.
	for _, filter := range s.Filters() {
		b.Bucket.AddEventNotification(awss3.EventType_OBJECT_CREATED, destination, filter...)
	}
	after := bucket.AllowNotifications(b.Bucket, e.Settings)
	if len(after) > 0 {
		b.Bucket.Node().FindChild(jsii.String("Notifications")).Node().AddDependency(after...)
	}
}

// subscribe subscribes unpack to the topic, and returns what must exist before the topic
// is published to.
func (e *eventSource) subscribe() []core.IDependable {
	e.Topic.Topic.AddSubscription(awssnssubscriptions.NewLambdaSubscription(e.Unpack.Function, nil))
	return []core.IDependable{e.Unpack.Function} // the subscription is part of its node
}
