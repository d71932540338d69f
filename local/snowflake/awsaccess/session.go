package awsaccess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/ingestion/local/policy"
)

// sessionName is the role session name.
const sessionName = "snowflake"

// Session is a session of an assumed role. It evaluates the role's policies as they
// were when it was created, so create one for each statement.
type Session struct {
	integration Integration
	principal   string // ARN of the assumed role, for messages
	partition   string
	policies    []policy.Document
	s3          *s3.Client
}

// Object is an object of S3.
type Object struct {
	Bucket, Key string
	Size        int64
	// ETag is without quotes. It is the value of METADATA$FILE_CONTENT_KEY.
	ETag     string
	Modified time.Time
}

// Session assumes the integration's role. It returns Snowflake's *Error if the role
// does not exist, has not propagated yet, or does not trust Snowflake.
func (c *Client) Session(ctx context.Context, i Integration) (*Session, error) {
	if !i.Enabled {
		return nil, disabledError(i)
	}
	parsed, err := arn.Parse(i.RoleARN)
	if err != nil {
		return nil, assumeError(i.RoleARN, err.Error())
	}
	role, err := c.trusted(ctx, i)
	if err != nil {
		return nil, err
	}
	policies, err := c.rolePolicies(ctx, role)
	if err != nil {
		return nil, fmt.Errorf("integration %s: role %s: %w", i.Name, i.RoleARN, err)
	}
	out, err := c.sts.AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &i.RoleARN, RoleSessionName: aws.String(sessionName), ExternalId: &i.ExternalID,
	})
	if err != nil {
		return nil, assumeError(i.RoleARN, err.Error())
	}
	k := out.Credentials
	provider := credentials.NewStaticCredentialsProvider(
		aws.ToString(k.AccessKeyId), aws.ToString(k.SecretAccessKey), aws.ToString(k.SessionToken))
	return &Session{
		integration: i, partition: parsed.Partition, policies: policies, s3: c.s3(provider),
		principal: aws.ToString(out.AssumedRoleUser.Arn),
	}, nil
}

// authorize returns the error of S3 unless the role's policies allow the action.
func (s *Session) authorize(action, resource string, context map[string][]string) error {
	full := map[string][]string{"aws:SecureTransport": {"true"}, "aws:PrincipalArn": {s.integration.RoleARN}}
	for k, v := range context {
		full[k] = v
	}
	reason := "because no identity-based policy allows the " + action + " action"
	switch policy.Evaluate(policy.Request{Action: action, Resource: resource, Context: full}, s.policies...) {
	case policy.Allowed:
		return nil
	case policy.Denied:
		reason = "with an explicit deny in an identity-based policy"
	case policy.NotAllowed:
	}
	return stageError(http.StatusForbidden, "AccessDenied",
		fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %q %s", s.principal, action, resource, reason))
}

func (s *Session) bucketARN(bucket string) string { return "arn:" + s.partition + ":s3:::" + bucket }

// url returns the URL of an object as a stage of this integration has it.
func (s *Session) url(bucket, key string) string {
	for scheme, partition := range schemes {
		if partition == s.partition {
			return scheme + "://" + bucket + "/" + key
		}
	}
	return "s3://" + bucket + "/" + key
}

// List yields the objects under url, sorted by key. It ends after an error.
func (s *Session) List(ctx context.Context, url string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		l, err := s.authorizeList(url)
		if err != nil {
			yield(Object{}, err)
			return
		}
		pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: &l.Bucket, Prefix: &l.Prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Object{}, s3Error(err))
				return
			}
			for _, o := range page.Contents {
				object := Object{
					Bucket: l.Bucket, Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size),
					ETag: strings.Trim(aws.ToString(o.ETag), `"`), Modified: aws.ToTime(o.LastModified),
				}
				if !yield(object, nil) {
					return
				}
			}
		}
	}
}

// authorizeList returns an error unless the policies allow what Snowflake needs to
// list a bucket: to get its region, and to list it.
func (s *Session) authorizeList(url string) (Location, error) {
	l, err := ParseLocation(url)
	if err != nil {
		return l, err
	}
	if err := s.integration.Allows(url); err != nil {
		return l, err
	}
	bucket := s.bucketARN(l.Bucket)
	// The request has no prefix, so that a condition on s3:prefix denies it.
	if err := s.authorize("s3:GetBucketLocation", bucket, nil); err != nil {
		return l, err
	}
	return l, s.authorize("s3:ListBucket", bucket, map[string][]string{"s3:prefix": {l.Prefix}})
}

// Fetch opens an object's latest version. The caller closes the reader.
func (s *Session) Fetch(ctx context.Context, bucket, key string) (Object, io.ReadCloser, error) {
	url := s.url(bucket, key)
	if err := s.integration.Allows(url); err != nil {
		return Object{}, nil, err
	}
	if err := s.authorize("s3:GetObject", s.bucketARN(bucket)+"/"+key, nil); err != nil {
		return Object{}, nil, err
	}
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		var api smithy.APIError
		if errors.As(err, &api) && api.ErrorCode() == "NoSuchKey" {
			return Object{}, nil, missingError(url)
		}
		return Object{}, nil, s3Error(err)
	}
	return Object{
		Bucket: bucket, Key: key, Size: aws.ToInt64(out.ContentLength),
		ETag: strings.Trim(aws.ToString(out.ETag), `"`), Modified: aws.ToTime(out.LastModified),
	}, out.Body, nil
}

// s3Error converts an error of S3 to Snowflake's; other errors are not changed.
func s3Error(err error) error {
	var (
		api      smithy.APIError
		response *smithyhttp.ResponseError
	)
	if errors.As(err, &api) && errors.As(err, &response) {
		return stageError(response.HTTPStatusCode(), api.ErrorCode(), api.ErrorMessage())
	}
	return err
}
