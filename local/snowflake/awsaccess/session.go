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

// sessionName is what Snowflake's sessions are called here.
const sessionName = "snowflake"

// Session is an assumed role. It sees the role's policies as they were when it
// was made, so make one per statement.
type Session struct {
	integration Integration
	principal   string // of the assumed role, for messages
	partition   string
	policies    []policy.Document
	s3          *s3.Client
}

// Object is an object of S3.
type Object struct {
	Bucket, Key string
	Size        int64
	// ETag has no quotes. METADATA$FILE_CONTENT_KEY shows it.
	ETag     string
	Modified time.Time
}

// Session assumes the integration's role. A role that is missing, too young or
// does not trust Snowflake gives the *Error that Snowflake reports.
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
	why := "because no identity-based policy allows the " + action + " action"
	switch policy.Evaluate(policy.Request{Action: action, Resource: resource, Context: full}, s.policies...) {
	case policy.Allowed:
		return nil
	case policy.Denied:
		why = "with an explicit deny in an identity-based policy"
	case policy.NotAllowed:
	}
	return stageError(http.StatusForbidden, "AccessDenied",
		fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %q %s", s.principal, action, resource, why))
}

func (s *Session) bucketARN(bucket string) string { return "arn:" + s.partition + ":s3:::" + bucket }

// url is how a stage of this integration names an object.
func (s *Session) url(bucket, key string) string {
	for scheme, partition := range schemes {
		if partition == s.partition {
			return scheme + "://" + bucket + "/" + key
		}
	}
	return "s3://" + bucket + "/" + key
}

// List yields the objects below url in the order of their keys, page by page.
// After an error it ends.
func (s *Session) List(ctx context.Context, url string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		l, err := s.listable(url)
		if err != nil {
			yield(Object{}, err)
			return
		}
		pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: &l.Bucket, Prefix: &l.Prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Object{}, failed(err))
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

// listable checks what Snowflake needs for a listing: the bucket's region, then
// the listing itself.
func (s *Session) listable(url string) (Location, error) {
	l, err := ParseLocation(url)
	if err != nil {
		return l, err
	}
	if err := s.integration.Allows(url); err != nil {
		return l, err
	}
	bucket := s.bucketARN(l.Bucket)
	// By itself, without the prefix: a condition on s3:prefix refuses it.
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
		return Object{}, nil, failed(err)
	}
	return Object{
		Bucket: bucket, Key: key, Size: aws.ToInt64(out.ContentLength),
		ETag: strings.Trim(aws.ToString(out.ETag), `"`), Modified: aws.ToTime(out.LastModified),
	}, out.Body, nil
}

// failed puts S3's answer into Snowflake's words; other errors stay as they are.
func failed(err error) error {
	var (
		api      smithy.APIError
		response *smithyhttp.ResponseError
	)
	if errors.As(err, &api) && errors.As(err, &response) {
		return stageError(response.HTTPStatusCode(), api.ErrorCode(), api.ErrorMessage())
	}
	return err
}
