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

// CheckConfig describes the scheduled check of a feed's pipe, or the scheduled refresh of
// its external table, which needs Connection and Spec only.
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
	input := map[string]any{
		"Connection": stackscope.Object(c.Connection),
		// What the pipe's name is made from, no more: an event has at most 8 KB.
		"Spec":     stackscope.Object(snowflake.Spec{Feed: c.Spec.Feed, Database: c.Spec.Database, Schema: c.Spec.Schema, Table: c.Spec.Table}),
		"Table":    c.Table,
		"TopicArn": c.AlarmTopicARN,
	}
	schedule(scope, c, "PipeCheck", "Feed "+c.Spec.Feed+": checks its Snowpipe", "rate(4 hours)", map[string]any{"watch": input})
}

// NewRefresh has the stack's function refresh the feed's external table every day: files
// whose notification was lost are found by a refresh only.
// https://docs.snowflake.com/en/user-guide/tables-external-intro
func NewRefresh(scope core.Construct, c CheckConfig) {
	schedule(scope, c, "TableRefresh", "Feed "+c.Spec.Feed+": refreshes its external table", "rate(1 day)", map[string]any{"refresh": map[string]any{
		"Connection": stackscope.Object(c.Connection),
		"Spec":       stackscope.Object(snowflake.Spec{Feed: c.Spec.Feed, Database: c.Spec.Database, Schema: c.Spec.Schema, Table: c.Spec.Table}),
	}})
}

// schedule invokes the stack's function on a schedule.
func schedule(scope core.Construct, c CheckConfig, id, description, expression string, input map[string]any) {
	f := Function(c.Settings, c.Connection)
	rule := awsevents.NewCfnRule(scope, jsii.String(id), &awsevents.CfnRuleProps{
		Description:        jsii.String(description),
		ScheduleExpression: jsii.String(expression),
		Targets: []any{&awsevents.CfnRule_TargetProperty{
			Id: jsii.String("Snowflake"), Arn: jsii.String(f.ARN()),
			Input: jsii.String(stackscope.JSON(input)),
		}},
	})
	awslambda.NewCfnPermission(scope, jsii.String(id+"Permission"), &awslambda.CfnPermissionProps{
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
