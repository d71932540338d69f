package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"example.com/ingestion/internal/operator"
)

// connectOptions selects an account and region; all may be empty.
type connectOptions struct {
	profile, region string
	debug           io.Writer // receives a line for each request; nil for none
}

// connector opens an account and region.
type connector func(ctx context.Context, o connectOptions) (operator.Account, error)

// connect is the connector to AWS. It reports a missing region or missing
// credentials at once; the first request would report them in the words of the SDK.
func connect(ctx context.Context, o connectOptions) (operator.Account, error) {
	// The warnings that the SDK logs are not meant for users of a command.
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if o.profile != "" {
		options = append(options, config.WithSharedConfigProfile(o.profile))
	}
	if o.region != "" {
		options = append(options, config.WithRegion(o.region))
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
	if o.debug != nil {
		cfg.APIOptions = append(cfg.APIOptions, logRequests(o.debug))
	}
	return operator.NewAccount(cfg), nil
}
