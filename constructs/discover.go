package constructs

import (
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/feed"
)

const discoverMemoryMB = 256

// connectExternal makes the function that lists external buckets, one for all of
// the feed, and a schedule for each source.
func (in *inlet) connectExternal(all []source) {
	c := in.common
	c.name, c.description = assets.Discover, fmt.Sprintf("Feed %s: lists other people's buckets, and hands what is new to unpack", in.Spec.Feed)
	// Known before the function is made, so that its role can name it.
	c.functionName = in.functionName(assets.Discover)
	c.size = FunctionProps{MemoryMB: discoverMemoryMB, Timeout: 15 * time.Minute}
	c.environment = maps.Clone(c.environment)
	if in.buffer == nil {
		c.environment[feed.EnvUnpackFunction] = in.unpack.arn()
	} else {
		c.environment[feed.EnvUnpackQueueURL] = *in.buffer.unpack.Ref()
	}
	f := newFeedFunction(in.Construct, "Discover", c, in.failures)
	if in.buffer == nil {
		f.allow(nil, []string{in.unpack.arn()}, "lambda:InvokeFunction")
	} else {
		f.allow(nil, []string{*in.buffer.unpack.AttrArn()}, "sqs:SendMessage")
	}
	// What it has seen, and how far it is.
	own := map[string]any{"ForAllValues:StringLike": map[string]any{
		"dynamodb:LeadingKeys": []string{in.Spec.Feed + "#seen#*", in.Spec.Feed + "#discover"},
	}}
	f.allow(own, []string{in.Store.names.tableARN}, "dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")
	f.allowKey(keyOfTable)
	in.discover, in.Discover = f, f.Function
	for _, s := range all {
		if s.Kind != feed.ExternalBucket {
			continue
		}
		in.allowListing(f, s)
		in.addSchedule(f, s)
	}
	f.grant()
}

// allowListing lets f list a source, and nothing else: the objects are for unpack.
func (in *inlet) allowListing(f function, s source) {
	if s.RoleARN != "" {
		f.allow(nil, []string{s.RoleARN}, "sts:AssumeRole")
		return
	}
	var below map[string]any
	if s.Prefix != "" {
		below = map[string]any{"StringLike": map[string]any{"s3:prefix": literal(s.Prefix) + "*"}}
	}
	f.allow(below, []string{in.site.bucketARN(s.Bucket)}, "s3:ListBucket", "s3:ListBucketVersions")
}

// addSchedule has a source listed every so often. The input tells discover which.
func (in *inlet) addSchedule(f function, s source) {
	id := s.id()
	rate := fmt.Sprintf("rate(%d minutes)", s.EveryMinutes)
	if s.EveryMinutes == 1 {
		rate = "rate(1 minute)"
	}
	rule := awsevents.NewCfnRule(in.Construct, jsii.String(id), &awsevents.CfnRuleProps{
		Description:        jsii.String(fmt.Sprintf("Feed %s: lists s3://%s/%.200s", in.Spec.Feed, s.Bucket, s.Prefix)),
		ScheduleExpression: &rate,
		Targets: []any{&awsevents.CfnRule_TargetProperty{
			Id: jsii.String("Discover"), Arn: jsii.String(f.arn()),
			Input: jsii.String(text(map[string]any{"bucket": s.Bucket, "prefix": s.Prefix})),
			// A listing that is late is not needed any more: the next one has the same.
			RetryPolicy: &awsevents.CfnRule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: jsii.Number(60 * s.EveryMinutes), MaximumRetryAttempts: jsii.Number(10),
			},
		}},
	})
	awslambda.NewCfnPermission(in.Construct, jsii.String(id+"Permission"), &awslambda.CfnPermissionProps{
		Action: jsii.String("lambda:InvokeFunction"), FunctionName: jsii.String(f.name()),
		Principal: jsii.String("events.amazonaws.com"), SourceArn: rule.AttrArn(),
	})
	if in.buffer != nil {
		rule.AddDependency(in.buffer.drain)
	}
}
