package lambdahost

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func (c *sdkClient) shard(ctx context.Context, streamARN string, position lambdatypes.EventSourcePosition) (name, iterator string, err error) {
	described, err := c.streams.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &streamARN})
	if err != nil {
		return "", "", fmt.Errorf("describe %s: %w", streamARN, err)
	}
	shards := described.StreamDescription.Shards
	if len(shards) != 1 {
		return "", "", fmt.Errorf("%s has %d shards; the Lambda host reads streams with one", streamARN, len(shards))
	}
	out, err := c.streams.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &streamARN, ShardId: shards[0].ShardId, ShardIteratorType: streamtypes.ShardIteratorType(position),
	})
	if err != nil {
		return "", "", fmt.Errorf("iterator of %s: %w", streamARN, err)
	}
	return aws.ToString(shards[0].ShardId), aws.ToString(out.ShardIterator), nil
}

func (c *sdkClient) records(ctx context.Context, iterator string, most int) ([]streamtypes.Record, string, error) {
	limit := int32(min(most, maxStreamRead)) //nolint:gosec // at most 1,000
	out, err := c.streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: &iterator, Limit: &limit})
	if err != nil {
		return nil, "", fmt.Errorf("read a stream: %w", err)
	}
	return out.Records, aws.ToString(out.NextShardIterator), nil
}
