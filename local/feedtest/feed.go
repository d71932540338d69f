// Package feedtest puts files into deployed feeds, waits until they are loaded, and
// compares the counts of files, ledger, table and Snowflake: for the demo and the
// end-to-end tests.
package feedtest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/snowflake"
)

// Feed is a deployed feed, as the outputs of its stack describe it.
type Feed struct {
	Name, Stack string
	// SourceBucket is that of the feed's first source.
	SourceBucket, LandingBucket, Table string
	QuarantinePrefix, FailureQueueURL  string
	Unpack, Load                       string
	// Warehouse has the feed's objects in Snowflake, nil without any.
	Warehouse *snowflake.Plan

	S3     *s3.Client
	DB     *dynamodb.Client
	Ledger *ledger.Ledger
	// LoadPart lets a part wait for load, and WakeLoader invokes it.
	LoadPart   func(context.Context, ids.PartRef) error
	WakeLoader func(context.Context, ids.Load) error
}

// New finds the feed of a stack.
func New(ctx context.Context, cfg aws.Config, stack string) (*Feed, error) {
	l, err := operator.Open(ctx, operator.NewAccount(cfg), stack)
	if err != nil {
		return nil, err
	}
	f := &Feed{
		Name: l.Name, Stack: stack, SourceBucket: l.Sources[0].Bucket, LandingBucket: l.LandingBucket, Table: l.Table,
		QuarantinePrefix: l.Spec.QuarantinePrefix + l.Name + "/", FailureQueueURL: l.FailureQueueURL,
		Unpack: l.UnpackFunction, Load: l.LoadFunction, S3: l.S3, DB: l.DynamoDB, Ledger: l.Ledger,
		LoadPart: l.LoadPart, WakeLoader: l.WakeLoader,
	}
	if l.Snowflake == nil {
		return f, nil
	}
	names, err := l.SnowflakeNames()
	if err != nil {
		return nil, err
	}
	plan, err := l.Snowflake.Plan(names)
	if err != nil {
		return nil, err
	}
	f.Warehouse = &plan
	return f, nil
}

// File is a file to put into a feed.
type File struct {
	Key  string
	Body []byte
	// Records is how many records are in it, counted without this project's code.
	Records int64
}

// Put puts a file into the source bucket and returns its upload.
func (f *Feed) Put(ctx context.Context, file File) (ids.Upload, error) {
	out, err := f.S3.PutObject(ctx, &s3.PutObjectInput{Bucket: &f.SourceBucket, Key: &file.Key, Body: bytes.NewReader(file.Body)})
	if err != nil {
		return ids.Upload{}, fmt.Errorf("put %s: %w", file.Key, err)
	}
	return ids.New(ids.Upload{
		Feed: f.Name, Bucket: f.SourceBucket, Key: file.Key,
		VersionID: aws.ToString(out.VersionId), ETag: aws.ToString(out.ETag),
	}), nil
}

// Wait waits until the ledger has n uploads of the feed and all are in a final state,
// and returns them, newest first. It calls progress, if not nil, for each poll. If ctx
// ends before, the error names the other uploads.
func (f *Feed) Wait(ctx context.Context, n int, progress func([]ledger.Upload)) ([]ledger.Upload, error) {
	for {
		uploads, err := f.Uploads(ctx)
		if err != nil {
			return nil, err
		}
		if progress != nil {
			progress(uploads)
		}
		var open []string
		for _, u := range uploads {
			if !u.State.Done() {
				open = append(open, fmt.Sprintf("%s is %s (%d of %d parts)", u.Key, u.State, u.PartsLoaded, u.Parts))
			}
		}
		if len(uploads) >= n && len(open) == 0 {
			return uploads, nil
		}
		select {
		case <-ctx.Done():
			return uploads, fmt.Errorf("feed %s: %w: %d of %d uploads are in the ledger; %s",
				f.Name, context.Cause(ctx), len(uploads), n, strings.Join(open, ", "))
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// Uploads lists the feed's uploads, newest source object first.
func (f *Feed) Uploads(ctx context.Context) ([]ledger.Upload, error) {
	var all []ledger.Upload
	err := f.Ledger.Uploads(ctx, f.Name, func(u ledger.Upload) bool {
		all = append(all, u)
		return true
	})
	return all, err
}

// CountItems counts the records of an upload in the table by a query of their keys,
// not by the ledger.
func (f *Feed) CountItems(ctx context.Context, u ledger.Upload) (int64, error) {
	var n int64
	for shard := range max(u.Shards, 1) {
		pages := dynamodb.NewQueryPaginator(f.DB, f.shardQuery(u, shard, types.SelectCount))
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return n, fmt.Errorf("count items of %s: %w", u.Key, err)
			}
			n += int64(page.Count)
		}
	}
	return n, nil
}

// FirstItems returns up to n items of an upload's first shard.
func (f *Feed) FirstItems(ctx context.Context, u ledger.Upload, n int32) ([]map[string]types.AttributeValue, error) {
	in := f.shardQuery(u, 0, types.SelectAllAttributes)
	in.Limit = &n
	out, err := f.DB.Query(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("read items of %s: %w", u.Key, err)
	}
	return out.Items, nil
}

func (f *Feed) shardQuery(u ledger.Upload, shard int, what types.Select) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: &f.Table, ConsistentRead: aws.Bool(true), Select: what,
		KeyConditionExpression:   aws.String("#k = :k"),
		ExpressionAttributeNames: map[string]string{"#k": feed.PartitionKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":k": &types.AttributeValueMemberS{Value: ids.PartitionKey(f.Name, u.ID, shard)},
		},
	}
}
