package constructs

import (
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

var notAlphanumeric = regexp.MustCompile(`[^A-Za-z0-9]`)

// output adds an output to the stack under <id><name>, without the hash that
// the CDK appends: scripts rely on these names.
func output(this core.Construct, id, name, value, description string) {
	out := awscdk.NewCfnOutput(this, jsii.String("Output"+name), &awscdk.CfnOutputProps{
		Value:       jsii.String(value),
		Description: jsii.String(description),
	})
	out.OverrideLogicalId(jsii.String(notAlphanumeric.ReplaceAllString(id, "") + name))
}
