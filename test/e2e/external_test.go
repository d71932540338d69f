package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"example.com/ingestion/local"
)

// otherAccount is an account to whose buckets the app has access only as far as their
// policies allow.
const otherAccount = "999988887777"

// makeExternalBuckets creates two buckets in the other account: one is read through a
// role that the app may assume, the other one is requester-pays.
func (w *fixture) makeExternalBuckets(t *testing.T) {
	t.Helper()
	cfg := w.env.AWSConfigOf(otherAccount)
	buckets, roles := s3.NewFromConfig(cfg), iam.NewFromConfig(cfg)
	steps := []func() error{
		func() error {
			_, err := buckets.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("role-files")})
			return err
		},
		func() error {
			_, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("reader"), AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [{
				"Effect": "Allow", "Principal": {"AWS": "` + local.Account + `"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "our-secret"}}}]}`)})
			return err
		},
		func() error {
			_, err := roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("reader"), PolicyName: aws.String("read"), PolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [
				{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::role-files"},
				{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::role-files/*"}]}`)})
			return err
		},
		func() error {
			_, err := buckets.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("paid-files")})
			return err
		},
		func() error {
			_, err := buckets.PutBucketRequestPayment(t.Context(), &s3.PutBucketRequestPaymentInput{
				Bucket: aws.String("paid-files"), RequestPaymentConfiguration: &s3types.RequestPaymentConfiguration{Payer: s3types.PayerRequester},
			})
			return err
		},
		func() error {
			_, err := buckets.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String("paid-files"), Policy: aws.String(`{"Version": "2012-10-17", "Statement": [
				{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::` + local.Account + `:root"}, "Action": ["s3:GetObject", "s3:ListBucket"],
					"Resource": ["arn:aws:s3:::paid-files", "arn:aws:s3:::paid-files/shared/*"]}]}`)})
			return err
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}
