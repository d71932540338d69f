package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/snowflake"
)

// addWatch has the stack's Snowflake function look at the feed's pipe every
// four hours, and tell the alarm topic when it stops working and when it works again.
// CloudWatch has no metric of a pipe, and one of our own would cost.
func (p *IngestionPipeline) addWatch(s settings, props SnowflakeProps) {
	f := snowflakeFunction(s, *props.Connection)
	watch := map[string]any{
		"Connection": plain(props.Connection),
		// As much as the pipe's name is made from: an event holds 8 KB.
		"Spec":     plain(snowflake.Spec{Feed: p.Snowflake.Feed, Database: p.Snowflake.Database, Schema: p.Snowflake.Schema, Table: p.Snowflake.Table}),
		"Table":    p.Store.names.table,
		"TopicArn": p.Store.names.alarmTopicARN,
	}
	rule := awsevents.NewCfnRule(p.Construct, jsii.String("Watch"), &awsevents.CfnRuleProps{
		Description:        jsii.String("Feed " + p.Spec.Feed + ": looks whether Snowpipe works"),
		ScheduleExpression: jsii.String("rate(4 hours)"),
		Targets: []any{&awsevents.CfnRule_TargetProperty{
			Id: jsii.String("Snowflake"), Arn: jsii.String(f.arn()),
			Input: jsii.String(text(map[string]any{"watch": watch})),
		}},
	})
	awslambda.NewCfnPermission(p.Construct, jsii.String("WatchPermission"), &awslambda.CfnPermissionProps{
		Action: jsii.String("lambda:InvokeFunction"), FunctionName: jsii.String(f.name()),
		Principal: jsii.String("events.amazonaws.com"), SourceArn: rule.AttrArn(),
	})
}

// watchRights are what the function needs to look at the feed's pipe.
func (p *IngestionPipeline) watchRights(s settings, spec snowflake.Spec) []right {
	if !p.Alarmed || spec.Load != snowflake.Continuous {
		return nil
	}
	table, topic := []string{p.Store.names.tableARN}, []string{p.Store.names.alarmTopicARN}
	rights := []right{
		// What was found the last time is one item of the feed's own.
		{p.ownItems(), table, []string{"dynamodb:GetItem", "dynamodb:PutItem"}},
		{nil, topic, []string{"sns:Publish"}},
	}
	if s.key != nil {
		rights = append(rights, right{nil, []string{*s.key.KeyArn()}, keyOfTable})
	}
	return rights
}
