package snowflakeobjects

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/kmskey"
	"example.com/ingestion/constructs/internal/policy"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/snowflake"
)

// CheckConfig describes the scheduled check of a feed's pipe.
type CheckConfig struct {
	stackscope.Settings
	Connection snowflake.Connection
	Spec       snowflake.Spec
	// Table and TableARN are of the table that has the result of the last check, in
	// an item of the feed that OwnItems allows.
	Table, TableARN string
	OwnItems        map[string]any
	AlarmTopicARN   string
}

// NewCheck has the stack's function check the feed's pipe every four hours, and
// notify the alarm topic when it stops working and when it works again. CloudWatch
// has no metric of a pipe, and a custom one would cost.
func NewCheck(scope core.Construct, c CheckConfig) {
	f := Function(c.Settings, c.Connection)
	input := map[string]any{
		"Connection": stackscope.Object(c.Connection),
		// What the pipe's name is made from, no more: an event has at most 8 KB.
		"Spec":     stackscope.Object(snowflake.Spec{Feed: c.Spec.Feed, Database: c.Spec.Database, Schema: c.Spec.Schema, Table: c.Spec.Table}),
		"Table":    c.Table,
		"TopicArn": c.AlarmTopicARN,
	}
	rule := awsevents.NewCfnRule(scope, jsii.String("PipeCheck"), &awsevents.CfnRuleProps{
		Description:        jsii.String("Feed " + c.Spec.Feed + ": checks its Snowpipe"),
		ScheduleExpression: jsii.String("rate(4 hours)"),
		Targets: []any{&awsevents.CfnRule_TargetProperty{
			Id: jsii.String("Snowflake"), Arn: jsii.String(f.ARN()),
			Input: jsii.String(stackscope.JSON(map[string]any{"watch": input})),
		}},
	})
	awslambda.NewCfnPermission(scope, jsii.String("PipeCheckPermission"), &awslambda.CfnPermissionProps{
		Action: jsii.String("lambda:InvokeFunction"), FunctionName: jsii.String(f.Name()),
		Principal: jsii.String("events.amazonaws.com"), SourceArn: rule.AttrArn(),
	})
}

// Statements are what the function needs for the check.
func (c CheckConfig) Statements() []policy.Statement {
	table, topic := []string{c.TableARN}, []string{c.AlarmTopicARN}
	statements := []policy.Statement{
		{Conditions: c.OwnItems, Resources: table, Actions: []string{"dynamodb:GetItem", "dynamodb:PutItem"}},
		{Resources: topic, Actions: []string{"sns:Publish"}},
	}
	if c.Key != nil {
		statements = append(statements, policy.Statement{Resources: []string{*c.Key.KeyArn()}, Actions: kmskey.Table})
	}
	return statements
}
