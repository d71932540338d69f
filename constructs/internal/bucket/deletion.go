package bucket

import (
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/loggroup"
	"example.com/ingestion/constructs/internal/nag"
	"example.com/ingestion/constructs/internal/policy"
	"example.com/ingestion/constructs/internal/stackscope"
)

// deletionID is the ID of the function that the CDK adds to a stack to empty
// buckets before they are deleted.
const deletionID = "Custom::S3AutoDeleteObjectsCustomResourceProvider"

// restrictDeletion restricts that function. As the CDK makes it, it may write
// any log of the account, through AWSLambdaBasicExecutionRole, and leaves behind a
// log group that never expires. Now it has a log group like every other function
// and may write to that one alone. It is done once for each stack.
func restrictDeletion(s stackscope.Settings) {
	const logsID = deletionID + "Logs"
	if s.Child(logsID) != nil {
		return
	}
	logs := loggroup.New(s.Stack, logsID, s)
	provider := s.Child(deletionID)
	role := nag.ResourceOf(provider.Node().FindChild(jsii.String("Role")))
	role.AddPropertyDeletionOverride(jsii.String("ManagedPolicyArns"))
	role.AddPropertyOverride(jsii.String("Policies"), []any{map[string]any{
		"PolicyName":     "Logs",
		"PolicyDocument": policy.Document(map[string]any{"Effect": "Allow", "Action": loggroup.Actions, "Resource": logs.LogGroupArn()}),
	}})
	for _, child := range []string{"Resource", "Handler"} {
		if function := provider.Node().TryFindChild(&child); function != nil {
			nag.ResourceOf(function).AddPropertyOverride(jsii.String("LoggingConfig"), map[string]any{"LogGroup": logs.LogGroupName()})
		}
	}
}
