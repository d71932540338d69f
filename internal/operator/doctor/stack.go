package doctor

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// stackState checks the stack and reads its resources.
func stackState(ctx context.Context, d *doctor) {
	const name = "state"
	deploy := "deploy it: npx cdk deploy " + d.Feed.Stack
	out, err := d.stacks.DescribeStacks(ctx, &cfn.DescribeStacksInput{StackName: &d.Feed.Stack})
	switch {
	case err != nil:
		d.unknown(name, err, "cloudformation:DescribeStacks")
	case len(out.Stacks) != 1:
		d.fail(name, deploy, "stack %s does not exist", d.Feed.Stack)
	default:
		state := string(out.Stacks[0].StackStatus)
		seen := strings.TrimSpace(state + " " + aws.ToString(out.Stacks[0].StackStatusReason))
		switch {
		case strings.HasSuffix(state, "_IN_PROGRESS"):
			d.warn(name, "wait until the deployment has ended, and check again", "%s", seen)
		case state == string(types.StackStatusUpdateRollbackComplete):
			d.warn(name, "the last deployment was rolled back to the previous one: read the stack's events, fix the cause, and "+deploy, "%s", seen)
		case strings.HasSuffix(state, "_FAILED"), strings.HasPrefix(state, "ROLLBACK_"), strings.HasPrefix(state, "DELETE_"):
			d.fail(name, "read the stack's events, fix the cause, and "+deploy, "%s", seen)
		default:
			d.pass(name, "%s", state)
		}
	}
	d.resources = map[string][]string{}
	pages := cfn.NewListStackResourcesPaginator(d.stacks, &cfn.ListStackResourcesInput{StackName: &d.Feed.Stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			d.resources = nil
			d.unknown("resources", err, "cloudformation:ListStackResources")
			return
		}
		for _, r := range page.StackResourceSummaries {
			// The stack may have other feeds.
			if strings.HasPrefix(aws.ToString(r.LogicalResourceId), d.Feed.ID) {
				d.resources[aws.ToString(r.ResourceType)] = append(d.resources[aws.ToString(r.ResourceType)], aws.ToString(r.PhysicalResourceId))
			}
		}
	}
}

func stackOutputs(_ context.Context, d *doctor) {
	if d.Incomplete != nil {
		d.fail("outputs", "deploy it again with this version: npx cdk deploy "+d.Feed.Stack, "%v", d.Incomplete)
	}
}
