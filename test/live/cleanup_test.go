package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// cleanUp destroys the remaining stacks, and deletes what they retain: buckets with
// their data, and the table.
func cleanUp(t *testing.T, to target, environment string, stacks []string) {
	t.Helper()
	// The test's own context has ended.
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	buckets, tables, err := retained(ctx, to, environment)
	if err != nil {
		t.Errorf("look for what the stacks retain: %v", err)
	}
	if err := to.cdk(ctx, append([]string{"destroy", "--force"}, stacks...)...); err != nil {
		t.Error(err)
	}
	for _, b := range buckets {
		if err := deleteBucket(ctx, to, b); err != nil {
			t.Errorf("bucket %s is left: %v", b, err)
		}
	}
	for _, name := range tables {
		if err := deleteTable(ctx, to, name); err != nil {
			t.Errorf("table %s is left: %v", name, err)
		}
	}
	if err := to.db.Close(); err != nil {
		t.Error(err)
	}
}

// retained lists the buckets and tables of the environment's stacks, also of deleted
// ones, which CloudFormation describes by their IDs only.
func retained(ctx context.Context, to target, environment string) (buckets, tables []string, err error) {
	client := cloudformation.NewFromConfig(to.aws)
	pages := cloudformation.NewListStacksPaginator(client, &cloudformation.ListStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range page.StackSummaries {
			// The environment's name is unique to this run.
			if !strings.HasPrefix(aws.ToString(s.StackName), environment+"-") {
				continue
			}
			resources := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: s.StackId})
			for resources.HasMorePages() {
				page, err := resources.NextPage(ctx)
				if err != nil {
					return nil, nil, fmt.Errorf("resources of %s: %w", aws.ToString(s.StackName), err)
				}
				for _, r := range page.StackResourceSummaries {
					if r.ResourceStatus == cftypes.ResourceStatusDeleteComplete || r.PhysicalResourceId == nil {
						continue
					}
					switch aws.ToString(r.ResourceType) {
					case "AWS::S3::Bucket":
						buckets = append(buckets, *r.PhysicalResourceId)
					case "AWS::DynamoDB::GlobalTable":
						tables = append(tables, *r.PhysicalResourceId)
					}
				}
			}
		}
	}
	return buckets, tables, nil
}

func deleteBucket(ctx context.Context, to target, bucket string) error {
	client := s3.NewFromConfig(to.aws, func(o *s3.Options) { o.UsePathStyle = true })
	pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		var gone *s3types.NoSuchBucket
		if errors.As(err, &gone) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId}); err != nil {
				return err
			}
		}
		for _, m := range page.DeleteMarkers {
			if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: m.Key, VersionId: m.VersionId}); err != nil {
				return err
			}
		}
	}
	_, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
	return err
}

func deleteTable(ctx context.Context, to target, name string) error {
	client := dynamodb.NewFromConfig(to.aws)
	if _, err := client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &name, DeletionProtectionEnabled: aws.Bool(false)}); err != nil {
		return err
	}
	if err := dynamodb.NewTableExistsWaiter(client).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, 5*time.Minute); err != nil {
		return err
	}
	_, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
	return err
}
