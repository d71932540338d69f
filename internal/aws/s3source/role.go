package s3source

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	// sessionName is what the bucket's owner sees in CloudTrail.
	sessionName = "ingestion"
	// sessionTime is the longest session of a role that a role assumes ("Role chaining").
	sessionTime = time.Hour
	// expiryWindow is how long before its expiry a session is renewed.
	expiryWindow = 5 * time.Minute
)

// role is an IAM role to assume.
type role struct{ arn, externalID string }

// credentials returns the credentials of the role, assumed with those of cfg and
// renewed before they expire.
func (r role) credentials(cfg aws.Config) aws.CredentialsProvider {
	assume := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), r.arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName, o.Duration = sessionName, sessionTime
		if r.externalID != "" {
			o.ExternalID = &r.externalID
		}
	})
	return aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		credentials, err := assume.Retrieve(ctx)
		if err != nil {
			err = fmt.Errorf("assume role %s: its trust policy must name this function's role and, if the feed has one, its external ID: %w", r.arn, err)
		}
		return credentials, err
	}), func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = expiryWindow })
}
