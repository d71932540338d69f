package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

// A feed has a warning if its account of Snowflake is in another region than its
// stack, where both regions are known at synthesis.
func TestSnowflakeInAnotherRegionIsWarnedOf(t *testing.T) {
	const warning = `"xy12345.eu-central-1" is in eu-central-1 and the stack in us-east-1`
	for _, test := range []struct {
		account, region string
		want            bool
	}{
		{"xy12345.eu-central-1", "us-east-1", true},
		{"xy12345.eu-central-1", "eu-central-1", false},
		{"myorg-myaccount", "us-east-1", false},
		{"xy12345.eu-central-1", "", false},
	} {
		props := toSnowflake("orders", constructs.FromFiles(), constructs.Bulk("17 2 * * *"))
		c := connection()
		c.Account = test.account
		props.Snowflake.Connection = c
		props.Assets = fakeAssets(t)
		stackProps := &awscdk.StackProps{}
		if test.region != "" {
			stackProps.Env = &awscdk.Environment{Account: jsii.String("123456789012"), Region: &test.region}
		}
		p, err := constructs.NewIngestionPipeline(awscdk.NewStack(newApp(t), jsii.String("Orders"), stackProps), "Orders", props)
		if err != nil {
			t.Fatal(err)
		}
		var warnings []string
		for _, entry := range *p.Construct.Node().Metadata() {
			if *entry.Type == "aws:cdk:warning" {
				warnings = append(warnings, fmt.Sprint(entry.Data))
			}
		}
		if got := strings.Contains(strings.Join(warnings, "\n"), warning); got != test.want {
			t.Errorf("account %q, region %q: warned %v, warnings %q", test.account, test.region, got, warnings)
		}
	}
}
