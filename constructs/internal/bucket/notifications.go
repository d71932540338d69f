package bucket

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/loggroup"
	"example.com/ingestion/constructs/internal/nag"
	"example.com/ingestion/constructs/internal/policy"
	"example.com/ingestion/constructs/internal/stackscope"
)

const (
	// notificationsID is the ID of the function that the CDK adds to a stack to set
	// the notifications of its buckets.
	notificationsID = "BucketNotificationsHandler050a0587b7544547bf325f094a3db834"
	// notificationsRoleLogicalID is the logical ID that the CDK gives the role of that
	// function where it makes it itself.
	notificationsRoleLogicalID = notificationsID + "RoleB6FB88EC"
	notificationsPolicyName    = "Access"
)

// notifications is the function of a stack that sets the notifications of
// buckets.
type notifications struct {
	role awsiam.Role
	// resource is that of role, nil where another feed of the stack has made it.
	resource   awsiam.CfnRole
	statements policy.Statements
	// logs is where the function writes to, nil for a log group of its own.
	logs awslogs.ILogGroup
}

// UseLogs has the function that sets the notifications of buckets write to a log group.
func UseLogs(s *stackscope.Scope, logs awslogs.ILogGroup) {
	stackscope.Singleton[notifications](s).logs = logs
}

// notificationsRole is the role of that function. The one that the CDK makes may
// write any log of the account, through AWSLambdaBasicExecutionRole, and has one
// more policy for each bucket. To this one the CDK can add nothing, see
// [AllowNotifications].
func notificationsRole(s *stackscope.Scope) awsiam.IRole {
	const id = "BucketNotificationsRole"
	n := stackscope.Singleton[notifications](s)
	if n.role != nil {
		return n.role
	}
	if other := s.Child(id); other != nil {
		n.role = other.(awsiam.Role)
		return n.role
	}
	role := awsiam.NewRole(s.Stack, jsii.String(id), &awsiam.RoleProps{AssumedBy: s.ServicePrincipal("lambda.amazonaws.com")})
	n.role, n.resource = role, nag.ResourceOf(role).(awsiam.CfnRole)
	n.resource.OverrideLogicalId(jsii.String(notificationsRoleLogicalID))
	return role.WithoutPolicyUpdates(nil)
}

// AllowNotifications lets the function set the notifications of a bucket, and
// returns what they must wait for, if anything. Call it when the bucket has a
// notification, because the CDK makes the function with the first.
func AllowNotifications(bucket awss3.Bucket, s stackscope.Settings) []core.IDependable {
	const action = "s3:PutBucketNotification"
	n := stackscope.Singleton[notifications](s.Scope)
	if n.resource == nil {
		return []core.IDependable{policy.New(bucket, "SetNotifications", []awsiam.Role{n.role}, policy.Statement{Resources: []string{*bucket.BucketArn()}, Actions: []string{action}})}
	}
	if n.statements.Empty() {
		logs := n.logs
		if logs == nil {
			logs = loggroup.New(s.Stack, notificationsID+"Logs", s)
		}
		n.statements.Allow(nil, []string{*logs.LogGroupArn()}, loggroup.Actions...)
		function := nag.ResourceOf(s.Child(notificationsID).Node().FindChild(jsii.String("Resource")))
		function.AddPropertyOverride(jsii.String("LoggingConfig"), map[string]any{"LogGroup": logs.LogGroupName()})
		nag.SuppressAll(function, nag.Suppression("AwsSolutions-L1", "The CDK chooses the newest Python that its own function is tested with"))
	}
	n.statements.Allow(nil, []string{*bucket.BucketArn()}, action)
	n.statements.AttachTo(n.resource, notificationsPolicyName)
	return nil
}
