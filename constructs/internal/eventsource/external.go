package eventsource

import (
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/kmskey"
	"example.com/ingestion/constructs/internal/source"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
)

const discoverMemoryMB = 256

// connectExternal makes the function that lists external buckets, one for the
// feed, and a schedule for each source.
func (e *eventSource) connectExternal() {
	c := e.Function
	c.Asset, c.Description = assets.Discover, fmt.Sprintf("Feed %s: lists external buckets, and dispatches new objects to unpack", e.Feed)
	// Known before the function is made, so that its role can name it.
	c.FunctionName = e.DiscoverName
	c.Size = function.Size{MemoryMB: discoverMemoryMB, Timeout: 15 * time.Minute}
	c.Environment = maps.Clone(c.Environment)
	c.Environment[feed.EnvUnpackFunction] = e.Unpack.ARN()
	f := function.NewAsync(e.scope, "Discover", c, e.Failures.ARN)
	f.Allow(nil, []string{e.Unpack.ARN()}, "lambda:InvokeFunction")
	// The objects that it has listed, and its checkpoint.
	own := map[string]any{"ForAllValues:StringLike": map[string]any{
		"dynamodb:LeadingKeys": []string{e.Feed + "#seen#*", e.Feed + "#discover"},
	}}
	f.Allow(own, []string{e.TableARN}, "dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")
	f.AllowKey(kmskey.Table)
	e.Discover = f
	for _, s := range e.Sources {
		if s.Kind != feed.ExternalBucket {
			continue
		}
		e.allowListing(s)
		e.addSchedule(s)
	}
	f.AttachPolicy()
}

// allowListing lets discover list a source. The objects are for unpack alone.
func (e *eventSource) allowListing(s source.Source) {
	if s.RoleARN != "" {
		e.Discover.Allow(nil, []string{s.RoleARN}, "sts:AssumeRole")
		return
	}
	var below map[string]any
	if s.Prefix != "" {
		below = map[string]any{"StringLike": map[string]any{"s3:prefix": stackscope.EscapeIAM(s.Prefix) + "*"}}
	}
	e.Discover.Allow(below, []string{e.BucketARN(s.Bucket)}, "s3:ListBucket", "s3:ListBucketVersions")
}

// addSchedule has discover list a source at an interval. The input names the source.
func (e *eventSource) addSchedule(s source.Source) {
	id := s.ID()
	rate := fmt.Sprintf("rate(%d minutes)", s.EveryMinutes)
	if s.EveryMinutes == 1 {
		rate = "rate(1 minute)"
	}
	rule := awsevents.NewCfnRule(e.scope, jsii.String(id), &awsevents.CfnRuleProps{
		Description:        jsii.String(fmt.Sprintf("Feed %s: lists s3://%s/%.200s", e.Feed, s.Bucket, s.Prefix)),
		ScheduleExpression: &rate,
		Targets: []any{&awsevents.CfnRule_TargetProperty{
			Id: jsii.String("Discover"), Arn: jsii.String(e.Discover.ARN()),
			Input: jsii.String(stackscope.JSON(map[string]any{"bucket": s.Bucket, "prefix": s.Prefix})),
			// A late listing is not needed any more: the next one lists the same objects.
			RetryPolicy: &awsevents.CfnRule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: jsii.Number(60 * s.EveryMinutes), MaximumRetryAttempts: jsii.Number(10),
			},
		}},
	})
	e.Rules = append(e.Rules, rule)
	awslambda.NewCfnPermission(e.scope, jsii.String(id+"Permission"), &awslambda.CfnPermissionProps{
		Action: jsii.String("lambda:InvokeFunction"), FunctionName: jsii.String(e.Discover.Name()),
		Principal: jsii.String("events.amazonaws.com"), SourceArn: rule.AttrArn(),
	})
}
