package fake

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// CloudFormation is a set of deployed stacks, listed one per page.
type CloudFormation struct {
	Stacks []Stack
	// Err, when set, is what every call fails with.
	Err error
}

// Stack is a deployed stack.
type Stack struct {
	Name     string
	ARN      string
	Tags     map[string]string
	Outputs  map[string]string
	Template string
}

// DescribeStacks implements the method of the SDK's client.
func (f *CloudFormation) DescribeStacks(ctx context.Context, in *cloudformation.DescribeStacksInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	if err := f.err(ctx); err != nil {
		return nil, err
	}
	page := 0
	if in.NextToken != nil {
		var err error
		if page, err = strconv.Atoi(*in.NextToken); err != nil {
			return nil, fmt.Errorf("next token %q: %w", *in.NextToken, err)
		}
	}
	out := &cloudformation.DescribeStacksOutput{}
	if page < len(f.Stacks) {
		s := f.Stacks[page]
		stack := types.Stack{StackName: aws.String(s.Name), StackId: aws.String(s.ARN)}
		for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
			stack.Tags = append(stack.Tags, types.Tag{Key: aws.String(key), Value: aws.String(s.Tags[key])})
		}
		for _, key := range slices.Sorted(maps.Keys(s.Outputs)) {
			stack.Outputs = append(stack.Outputs, types.Output{OutputKey: aws.String(key), OutputValue: aws.String(s.Outputs[key])})
		}
		out.Stacks = []types.Stack{stack}
	}
	if page+1 < len(f.Stacks) {
		out.NextToken = aws.String(strconv.Itoa(page + 1))
	}
	return out, nil
}

// GetTemplate implements the method of the SDK's client.
func (f *CloudFormation) GetTemplate(ctx context.Context, in *cloudformation.GetTemplateInput, _ ...func(*cloudformation.Options)) (*cloudformation.GetTemplateOutput, error) {
	if err := f.err(ctx); err != nil {
		return nil, err
	}
	for _, s := range f.Stacks {
		if s.Name == aws.ToString(in.StackName) {
			return &cloudformation.GetTemplateOutput{TemplateBody: aws.String(s.Template)}, nil
		}
	}
	return nil, fmt.Errorf("%w: %w", responseError(http.StatusBadRequest), &smithy.GenericAPIError{
		Code: "ValidationError", Message: "Stack with id " + aws.ToString(in.StackName) + " does not exist",
	})
}

func (f *CloudFormation) err(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.Err
}
