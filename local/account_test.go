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

// stranger is the account of somebody else.
const stranger = "999988887777"

// makeStrangers makes two buckets of somebody else's with an object each, and a
// role that we may assume to read the first, below "shared/".
func (w *world) makeStrangers() {
	w.Helper()
	theirs := s3.NewFromConfig(w.env.AWSConfigOf(stranger))
	for _, bucket := range []string{"through-role", "requester-pays"} {
		if _, err := theirs.CreateBucket(w.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			w.Fatal(err)
		}
		for _, key := range []string{"shared/a", "private/b"} {
			if _, err := theirs.PutObject(w.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(key)}); err != nil {
				w.Fatal(err)
			}
		}
	}
	_, err := theirs.PutBucketRequestPayment(w.Context(), &s3.PutBucketRequestPaymentInput{
		Bucket: aws.String("requester-pays"), RequestPaymentConfiguration: &s3types.RequestPaymentConfiguration{Payer: s3types.PayerRequester},
	})
	if err != nil {
		w.Fatal(err)
	}
	_, err = theirs.PutBucketPolicy(w.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String("requester-pays"), Policy: aws.String(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::` + Account + `:root"}, "Action": ["s3:GetObject", "s3:ListBucket"],
			"Resource": ["arn:aws:s3:::requester-pays", "arn:aws:s3:::requester-pays/shared/*"]},
		{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}`)})
	if err != nil {
		w.Fatal(err)
	}
	roles := iam.NewFromConfig(w.env.AWSConfigOf(stranger))
	_, err = roles.CreateRole(w.Context(), &iam.CreateRoleInput{RoleName: aws.String("reader"), AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [{
		"Effect": "Allow", "Principal": {"AWS": "` + Account + `"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "our secret"}}}]}`)})
	if err != nil {
		w.Fatal(err)
	}
	_, err = roles.PutRolePolicy(w.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("reader"), PolicyName: aws.String("read"), PolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::through-role", "Condition": {"StringLike": {"s3:prefix": "shared/*"}}},
		{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::through-role/shared/*"}]}`)})
	if err != nil {
		w.Fatal(err)
	}
}

// tryRead lists a bucket and reads an object of it; it returns what S3 says to either.
func (w *world) tryRead(client *s3.Client, bucket, prefix, key string, payer s3types.RequestPayer) (list, get string) {
	w.Helper()
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
	_, err := client.ListObjectsV2(w.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix, RequestPayer: payer})
	list = code(err)
	out, err := client.GetObject(w.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key, RequestPayer: payer})
	if err == nil {
		defer closeQuietly(out.Body)
		if body, err := io.ReadAll(out.Body); err != nil || string(body) != key {
			w.Errorf("%s of %s holds %q, %v", key, bucket, body, err)
		}
	}
	return list, code(err)
}

func TestBucketsOfOthersAreClosed(t *testing.T) {
	w := newWorld(t)
	w.makeStrangers()
	cfg, err := w.env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const role = "arn:aws:iam::" + stranger + ":role/reader"
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
	ours, theirs, reader := w.s3, s3.NewFromConfig(w.env.AWSConfigOf(stranger)), s3.NewFromConfig(assumed)
	for _, tc := range []struct {
		who                 string
		client              *s3.Client
		bucket, prefix, key string
		payer               s3types.RequestPayer
		list, get           string
	}{
		{"we", ours, "through-role", "shared/", "shared/a", "", denied, denied},
		{"the role", reader, "through-role", "shared/", "shared/a", "", "", ""},
		{"the role, for more,", reader, "through-role", "", "private/b", "", denied, denied},
		{"the owner", theirs, "through-role", "", "private/b", "", "", ""},
		{"we, without paying,", ours, "requester-pays", "shared/", "shared/a", "", denied, denied},
		{"we, paying,", ours, "requester-pays", "shared/", "shared/a", s3types.RequestPayerRequester, "", ""},
		{"we, paying for more,", ours, "requester-pays", "", "private/b", s3types.RequestPayerRequester, "", denied},
		{"the owner, without paying,", theirs, "requester-pays", "", "private/b", "", "", ""},
	} {
		list, get := w.tryRead(tc.client, tc.bucket, tc.prefix, tc.key, tc.payer)
		if list != tc.list || get != tc.get {
			t.Errorf("%s listing %q of %s: %q, reading %s: %q; want %q and %q", tc.who, tc.prefix, tc.bucket, list, tc.key, get, tc.list, tc.get)
		}
	}

	// Nothing of theirs can be written or copied, and nobody hears that it exists.
	for name, err := range map[string]error{
		"put": func() error {
			_, err := ours.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("requester-pays"), Key: aws.String("shared/mine"), Body: strings.NewReader("x")})
			return err
		}(),
		"copy": func() error {
			w.put(w.makeBucket("ours"), "x", "x")
			_, err := ours.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: aws.String("ours"), Key: aws.String("copy"), CopySource: aws.String("through-role/shared/a")})
			return err
		}(),
		"head": func() error {
			_, err := ours.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("through-role")})
			return err
		}(),
	} {
		if err == nil || !strings.Contains(err.Error(), "StatusCode: 403") {
			t.Errorf("%s: %v, want 403", name, err)
		}
	}
	mine, err := ours.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil || len(mine.Buckets) != 1 {
		t.Errorf("our buckets: %+v, %v", mine, err)
	}
	if payment, err := theirs.GetBucketRequestPayment(t.Context(), &s3.GetBucketRequestPaymentInput{Bucket: aws.String("requester-pays")}); err != nil || payment.Payer != s3types.PayerRequester {
		t.Errorf("who pays: %+v, %v", payment, err)
	}
}

func (w *world) makeBucket(name string) string {
	w.Helper()
	if _, err := w.s3.CreateBucket(w.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		w.Fatal(err)
	}
	return name
}
