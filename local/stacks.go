package local

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Outputs returns the outputs of a deployed stack by their keys.
func (e *Env) Outputs(ctx context.Context, stack string) (map[string]string, error) {
	client := cloudformation.NewFromConfig(e.config)
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return nil, fmt.Errorf("outputs of stack %s: %w", stack, err)
	}
	outputs := map[string]string{}
	for _, o := range out.Stacks[0].Outputs {
		outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return outputs, nil
}

// checkStacks returns an error for every stack that is not in a complete state, with
// the reasons.
func (e *Env) checkStacks(ctx context.Context) error {
	client := cloudformation.NewFromConfig(e.config)
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	if err != nil {
		return fmt.Errorf("check the stacks: %w", err)
	}
	var errs []error
	for _, s := range out.Stacks {
		switch s.StackStatus {
		case types.StackStatusCreateComplete, types.StackStatusUpdateComplete:
		default:
			errs = append(errs, fmt.Errorf("stack %s is in %s: %w", aws.ToString(s.StackName), s.StackStatus, failures(ctx, client, s)))
		}
	}
	return errors.Join(errs...)
}

// failures are the reasons in the events of the last operation of a stack.
func failures(ctx context.Context, client *cloudformation.Client, s types.Stack) error {
	out, err := client.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: s.StackId})
	if err != nil {
		return err
	}
	var reasons []error
	for _, ev := range out.StackEvents { // from the latest
		if aws.ToString(ev.ResourceStatusReason) == "User Initiated" {
			break
		}
		if strings.HasSuffix(string(ev.ResourceStatus), "_FAILED") {
			reasons = append(reasons, fmt.Errorf("%s %s: %s", aws.ToString(ev.LogicalResourceId), ev.ResourceStatus, aws.ToString(ev.ResourceStatusReason)))
		}
	}
	if len(reasons) == 0 {
		return errors.New(aws.ToString(s.StackStatusReason))
	}
	return errors.Join(reasons...)
}
