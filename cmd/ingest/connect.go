package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"example.com/ingestion/internal/operator"
)

// connect is the connector to AWS. It says at once what is missing; the first
// request would say it in the words of the SDK.
func connect(ctx context.Context, profile, region string) (operator.Account, error) {
	// The SDK's own warnings are of no use to who typed a command.
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return operator.Account{}, fmt.Errorf("AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return operator.Account{}, errors.New("no AWS region: give --region, set AWS_REGION, or put a region into the profile")
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return operator.Account{}, fmt.Errorf("no AWS credentials: give --profile, set AWS_PROFILE, or sign in, such as with `aws sso login`: %w", err)
	}
	return operator.NewAccount(cfg), nil
}
