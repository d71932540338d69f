package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// The functions of the CDK's own that a stack with buckets has, one each: for
// the notifications of its buckets, and to empty them before they are deleted.
const (
	notificationsProvider = "BucketNotificationsHandler050a0587b7544547bf325f094a3db834"
	deletionProvider      = "Custom::S3AutoDeleteObjectsCustomResourceProvider"
)

// confine narrows a function that the CDK adds to a stack. As it comes it may
// write any log of the account, through AWSLambdaBasicExecutionRole, and leaves
// one behind that never expires. Now it has a log group like every other
// function and may write that one alone. It is done once for each stack.
func confine(stack awscdk.Stack, id string, s settings) {
	provider := stack.Node().FindChild(&id)
	logsID := id + "Logs"
	if stack.Node().TryFindChild(&logsID) != nil {
		return
	}
	logs := newLogGroup(stack, logsID, s)
	role := resourceOf(provider.Node().FindChild(jsii.String("Role")))
	role.AddPropertyDeletionOverride(jsii.String("ManagedPolicyArns"))
	role.AddPropertyOverride(jsii.String("Policies"), []any{map[string]any{
		"PolicyName": "Logs",
		"PolicyDocument": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Effect": "Allow", "Action": logActions, "Resource": logs.LogGroupArn(),
		}}},
	}})
	for _, child := range []string{"Resource", "Handler"} {
		if function := provider.Node().TryFindChild(&child); function != nil {
			resourceOf(function).AddPropertyOverride(jsii.String("LoggingConfig"), map[string]any{"LogGroup": logs.LogGroupName()})
		}
	}
	if id == notificationsProvider {
		suppress(provider.Node().FindChild(jsii.String("Resource")), "AwsSolutions-L1", "The CDK chooses the newest Python that it has tried its own function on")
	}
}
