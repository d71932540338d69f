// Package loggroup makes the log groups of functions.
package loggroup

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	core "github.com/aws/constructs-go/constructs/v10"

	"example.com/ingestion/constructs/internal/stackscope"
)

// Actions are what a function may do with its own log group.
var Actions = []string{"logs:CreateLogStream", "logs:PutLogEvents"}

// New makes a log group that is deleted with its stack: the ledger, which is
// kept, has what became of each file.
func New(scope core.Construct, id string, s stackscope.Settings) awslogs.LogGroup {
	return awslogs.NewLogGroup(scope, &id, &awslogs.LogGroupProps{
		Retention:     s.LogRetention,
		EncryptionKey: s.Key,
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
}
