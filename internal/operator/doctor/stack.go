package doctor

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// stackState looks at the stack and enters what it has made.
func stackState(ctx context.Context, x *exam) {
	const name = "state"
	again := "deploy it again: npx cdk deploy " + x.Live.Stack
	out, err := x.stacks.DescribeStacks(ctx, &cfn.DescribeStacksInput{StackName: &x.Live.Stack})
	switch {
	case err != nil:
		x.failed(name, err, "cloudformation:DescribeStacks")
	case len(out.Stacks) != 1:
		x.fail(name, again, "stack %s is gone", x.Live.Stack)
	default:
		state := string(out.Stacks[0].StackStatus)
		seen := strings.TrimSpace(state + " " + aws.ToString(out.Stacks[0].StackStatusReason))
		switch {
		case strings.HasSuffix(state, "_IN_PROGRESS"):
			x.warn(name, "wait until the deployment has ended, and look again", "%s", seen)
		case state == string(types.StackStatusUpdateRollbackComplete):
			x.warn(name, "the last deployment was undone, the one before is what runs: see the stack's events, mend it, and "+again, "%s", seen)
		case strings.HasSuffix(state, "_FAILED"), strings.HasPrefix(state, "ROLLBACK_"), strings.HasPrefix(state, "DELETE_"):
			x.fail(name, "see the stack's events, mend what they tell, and "+again, "%s", seen)
		default:
			x.pass(name, "%s", state)
		}
	}
	x.resources = map[string][]string{}
	pages := cfn.NewListStackResourcesPaginator(x.stacks, &cfn.ListStackResourcesInput{StackName: &x.Live.Stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			x.resources = nil
			x.failed("resources", err, "cloudformation:ListStackResources")
			return
		}
		for _, r := range page.StackResourceSummaries {
			// The stack may have other feeds.
			if strings.HasPrefix(aws.ToString(r.LogicalResourceId), x.Live.ID) {
				x.resources[aws.ToString(r.ResourceType)] = append(x.resources[aws.ToString(r.ResourceType)], aws.ToString(r.PhysicalResourceId))
			}
		}
	}
}

func stackOutputs(_ context.Context, x *exam) {
	if x.Incomplete != nil {
		x.fail("outputs", "deploy it again with this version: npx cdk deploy "+x.Live.Stack, "%v", x.Incomplete)
	}
}
