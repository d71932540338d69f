package local

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// otherAccount is an account other than Account.
const otherAccount = "999988887777"

// createOtherAccount creates two buckets in another account, each with two objects,
// and a role that Account may assume to read the first bucket below "shared/".
func (f *fixture) createOtherAccount() {
	f.Helper()
	owner := s3.NewFromConfig(f.env.AWSConfigOf(otherAccount))
	for _, bucket := range []string{"through-role", "requester-pays"} {
		if _, err := owner.CreateBucket(f.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			f.Fatal(err)
		}
		for _, key := range []string{"shared/a", "private/b"} {
			if _, err := owner.PutObject(f.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(key)}); err != nil {
				f.Fatal(err)
			}
		}
	}
	_, err := owner.PutBucketRequestPayment(f.Context(), &s3.PutBucketRequestPaymentInput{
		Bucket: aws.String("requester-pays"), RequestPaymentConfiguration: &s3types.RequestPaymentConfiguration{Payer: s3types.PayerRequester},
	})
	if err != nil {
		f.Fatal(err)
	}
	_, err = owner.PutBucketPolicy(f.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String("requester-pays"), Policy: aws.String(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::` + Account + `:root"}, "Action": ["s3:GetObject", "s3:ListBucket"],
			"Resource": ["arn:aws:s3:::requester-pays", "arn:aws:s3:::requester-pays/shared/*"]},
		{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}`)})
	if err != nil {
		f.Fatal(err)
	}
	roles := iam.NewFromConfig(f.env.AWSConfigOf(otherAccount))
	_, err = roles.CreateRole(f.Context(), &iam.CreateRoleInput{RoleName: aws.String("reader"), AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [{
		"Effect": "Allow", "Principal": {"AWS": "` + Account + `"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "our secret"}}}]}`)})
	if err != nil {
		f.Fatal(err)
	}
	_, err = roles.PutRolePolicy(f.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("reader"), PolicyName: aws.String("read"), PolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::through-role", "Condition": {"StringLike": {"s3:prefix": "shared/*"}}},
		{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::through-role/shared/*"}]}`)})
	if err != nil {
		f.Fatal(err)
	}
}

// tryRead lists a bucket and reads an object of it; it returns the error codes of both.
func (f *fixture) tryRead(client *s3.Client, bucket, prefix, key string, payer s3types.RequestPayer) (list, get string) {
	f.Helper()
	code := func(err error) string {
		var api smithy.APIError
		if errors.As(err, &api) {
			return api.ErrorCode()
		}
		if err != nil {
			return err.Error()
		}
		return ""
	}
	_, err := client.ListObjectsV2(f.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix, RequestPayer: payer})
	list = code(err)
	out, err := client.GetObject(f.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key, RequestPayer: payer})
	if err == nil {
		defer closeQuietly(out.Body)
		if body, err := io.ReadAll(out.Body); err != nil || string(body) != key {
			f.Errorf("%s in %s has the body %q, %v", key, bucket, body, err)
		}
	}
	return list, code(err)
}

func TestAccessBetweenAccounts(t *testing.T) {
	f := sharedFixture(t)
	f.createOtherAccount()
	cfg, err := f.env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const role = "arn:aws:iam::" + otherAccount + ":role/reader"
	for name, in := range map[string]*sts.AssumeRoleInput{
		"no external ID":      {RoleArn: aws.String(role)},
		"another external ID": {RoleArn: aws.String(role), ExternalId: aws.String("a guess")},
		"no role":             {RoleArn: aws.String(role + "2"), ExternalId: aws.String("our secret")},
	} {
		in.RoleSessionName = aws.String("test")
		var api smithy.APIError
		if _, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), in); !errors.As(err, &api) || api.ErrorCode() != "AccessDenied" {
			t.Errorf("%s: %v, want AccessDenied", name, err)
		}
	}
	out, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("test"), ExternalId: aws.String("our secret")})
	if err != nil {
		t.Fatal(err)
	}
	assumed := cfg.Copy()
	assumed.Credentials = credentials.NewStaticCredentialsProvider(aws.ToString(out.Credentials.AccessKeyId), aws.ToString(out.Credentials.SecretAccessKey), aws.ToString(out.Credentials.SessionToken))

	const denied = "AccessDenied"
	client, owner, reader := f.s3, s3.NewFromConfig(f.env.AWSConfigOf(otherAccount)), s3.NewFromConfig(assumed)
	for _, tc := range []struct {
		principal           string
		client              *s3.Client
		bucket, prefix, key string
		payer               s3types.RequestPayer
		list, get           string
	}{
		{"the account", client, "through-role", "shared/", "shared/a", "", denied, denied},
		{"the role", reader, "through-role", "shared/", "shared/a", "", "", ""},
		{"the role outside its prefix", reader, "through-role", "", "private/b", "", denied, denied},
		{"the owner", owner, "through-role", "", "private/b", "", "", ""},
		{"the account without x-amz-request-payer", client, "requester-pays", "shared/", "shared/a", "", denied, denied},
		{"the account with x-amz-request-payer", client, "requester-pays", "shared/", "shared/a", s3types.RequestPayerRequester, "", ""},
		{"the account outside the prefix", client, "requester-pays", "", "private/b", s3types.RequestPayerRequester, "", denied},
		{"the owner without x-amz-request-payer", owner, "requester-pays", "", "private/b", "", "", ""},
	} {
		list, get := f.tryRead(tc.client, tc.bucket, tc.prefix, tc.key, tc.payer)
		if list != tc.list || get != tc.get {
			t.Errorf("%s, listing %q of %s: %q, reading %s: %q; want %q and %q", tc.principal, tc.prefix, tc.bucket, list, tc.key, get, tc.list, tc.get)
		}
	}

	// The buckets of the other account are neither writable nor copyable, and their
	// existence is not disclosed.
	for name, err := range map[string]error{
		"put": func() error {
			_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("requester-pays"), Key: aws.String("shared/mine"), Body: strings.NewReader("x")})
			return err
		}(),
		"copy": func() error {
			f.put(f.createBucket("copies"), "x", "x")
			_, err := client.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: aws.String("copies"), Key: aws.String("copy"), CopySource: aws.String("through-role/shared/a")})
			return err
		}(),
		"head": func() error {
			_, err := client.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("through-role")})
			return err
		}(),
	} {
		if err == nil || !strings.Contains(err.Error(), "StatusCode: 403") {
			t.Errorf("%s: %v, want 403", name, err)
		}
	}
	listed, err := client.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range listed.Buckets {
		if name := aws.ToString(b.Name); name == "through-role" || name == "requester-pays" {
			t.Errorf("ListBuckets returns %s of the other account", name)
		}
	}
	if payment, err := owner.GetBucketRequestPayment(t.Context(), &s3.GetBucketRequestPaymentInput{Bucket: aws.String("requester-pays")}); err != nil || payment.Payer != s3types.PayerRequester {
		t.Errorf("request payment: %+v, %v", payment, err)
	}
}

func (f *fixture) createBucket(name string) string {
	f.Helper()
	if _, err := f.s3.CreateBucket(f.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		f.Fatal(err)
	}
	return name
}
