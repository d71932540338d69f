package test

import (
	"reflect"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

// CloudFormation does not deploy a change of metadata alone. Where no SQL is run, a
// column is in the metadata only, so an output has to change with it.
func TestDefinitionIsDeployed(t *testing.T) {
	definition := func(change func(*constructs.IngestionPipelineProps)) (string, template) {
		props := toSnowflake("orders", constructs.FromFiles(), constructs.Continuous())
		byHand(props.Snowflake)
		change(&props)
		tpl := snowflakeFeed(t, props)
		value, _ := tpl.Outputs["FeedSnowflakeDefinition"].(map[string]any)["Value"].(string)
		return value, tpl
	}
	before, was := definition(func(*constructs.IngestionPipelineProps) {})
	if again, _ := definition(func(*constructs.IngestionPipelineProps) {}); before != again || len(before) != 16 {
		t.Errorf("definition %q, then %q", before, again)
	}
	after, is := definition(func(p *constructs.IngestionPipelineProps) {
		p.Snowflake.Columns = []constructs.SnowflakeColumn{{Name: "PRICE", Path: "price", Type: "NUMBER(12,2)"}}
	})
	if !reflect.DeepEqual(was.Resources, is.Resources) {
		t.Error("a column is in a resource too: then the output is of no use any more")
	}
	if before == after {
		t.Errorf("definition %q with another column", after)
	}
}

// A value that is known at deployment only is allowed where no command reads it from
// the template.
func TestSnowflakeTokens(t *testing.T) {
	token := *awscdk.Fn_ImportValue(jsii.String("Value"))
	props := toSnowflake("orders", constructs.FromFiles(), constructs.Continuous())
	byHand(props.Snowflake)
	props.Snowflake.Principal, props.Snowflake.Subscriber = token, token
	if err := constructs.ValidateFeeds(constructs.StoreProps{Subscribers: []string{token}}, feedStack(props)); err != nil {
		t.Error(err)
	}
	_, role := only(t, snowflakeFeed(t, props), "AWS::IAM::Role", "FeedSnowflakeRole")
	if principal := text(statements(role.Properties["AssumeRolePolicyDocument"])[0].Principal); principal != `{"AWS":{"Fn::ImportValue":"Value"}}` {
		t.Errorf("trusts %s", principal)
	}

	props.Snowflake.Database, props.Snowflake.View = token, token
	const why = " is known at deployment only, and `ingest sql` reads it from the template: give the value itself"
	requireLines(t, props.Validate(), []string{
		`feed "orders": Snowflake.Database: ` + token + why,
		`feed "orders": Snowflake.View: ` + token + why,
	})
}
