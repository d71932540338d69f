package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// The functions of the CDK's own that a stack with buckets has, one each: for
// the notifications of its buckets, and to empty them before they are deleted.
const (
	notificationsProvider = "BucketNotificationsHandler050a0587b7544547bf325f094a3db834"
	deletionProvider      = "Custom::S3AutoDeleteObjectsCustomResourceProvider"
)

// notifierRoleID is what the CDK calls the role of its function for
// notifications, where it makes it itself.
const notifierRoleID = notificationsProvider + "RoleB6FB88EC"

// notifierRole is the role of the function for notifications. The one that the
// CDK makes may write any log of the account, through AWSLambdaBasicExecutionRole,
// and has a policy more for each bucket. To this one it can add nothing, see
// allowNotifications.
func (s *site) notifierRole() awsiam.IRole {
	const id = "BucketNotificationsRole"
	if s.notifier != nil {
		return s.notifier
	}
	if other := s.child(id); other != nil {
		s.notifier = other.(awsiam.Role)
		return s.notifier
	}
	role := awsiam.NewRole(s.stack, jsii.String(id), &awsiam.RoleProps{AssumedBy: servicePrincipal("lambda.amazonaws.com")})
	s.notifier, s.notifierResource = role, resourceOf(role).(awsiam.CfnRole)
	s.notifierResource.OverrideLogicalId(jsii.String(notifierRoleID))
	return role.WithoutPolicyUpdates(nil)
}

// allowNotifications lets the function for notifications set those of a bucket,
// and returns what they wait for, if anything. It is called when the bucket has
// one, so that the function is there.
func (s *site) allowNotifications(bucket awss3.Bucket, settings settings) []core.IDependable {
	const action = "s3:PutBucketNotification"
	if s.notifierResource == nil {
		// The role is of another feed in the same stack.
		return []core.IDependable{newPolicy(bucket, "SetNotifications", []awsiam.Role{s.notifier}, right{nil, []string{*bucket.BucketArn()}, []string{action}})}
	}
	if len(s.notifierRights.statements) == 0 {
		logs := s.logs
		if logs == nil {
			logs = newLogGroup(s.stack, notificationsProvider+"Logs", settings)
		}
		s.notifierRights.allow(nil, []string{*logs.LogGroupArn()}, logActions...)
		function := resourceOf(s.child(notificationsProvider).Node().FindChild(jsii.String("Resource")))
		function.AddPropertyOverride(jsii.String("LoggingConfig"), map[string]any{"LogGroup": logs.LogGroupName()})
		suppressAll(function, suppression("AwsSolutions-L1", "The CDK chooses the newest Python that it has tried its own function on"))
	}
	s.notifierRights.allow(nil, []string{*bucket.BucketArn()}, action)
	s.notifierResource.SetPolicies(s.notifierRights.policies("Rights"))
	return nil
}

// confine narrows a function that the CDK adds to a stack. As it comes it may
// write any log of the account, through AWSLambdaBasicExecutionRole, and leaves
// one behind that never expires. Now it has a log group like every other
// function and may write that one alone. It is done once for each stack.
func confine(id string, s settings) {
	logsID := id + "Logs"
	if s.site.child(logsID) != nil {
		return
	}
	logs := newLogGroup(s.site.stack, logsID, s)
	provider := s.site.child(id)
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
}
