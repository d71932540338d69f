package ledger

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/internal/retry"
)

// BatchAPI is the part of the DynamoDB client that States uses.
type BatchAPI interface {
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
}

// MaxStates is the largest number of uploads that States reads at a time: DynamoDB's
// limit of keys in a BatchGetItem request.
const MaxStates = 100

// States returns the states of those uploads that the ledger of a table has, by
// ID, for at most MaxStates different IDs. It reads consistently.
func States(ctx context.Context, api BatchAPI, table, feedName string, ids []string) (map[string]State, error) {
	states := make(map[string]State, len(ids))
	e, err := expression.NewBuilder().WithProjection(expression.NamesList(expression.Name("upload"), expression.Name("state"))).Build()
	if err != nil {
		return nil, err
	}
	found, err := readUploads(ctx, api, table, feedName, ids, types.KeysAndAttributes{
		ProjectionExpression: e.Projection(), ExpressionAttributeNames: e.Names(),
	})
	for id, u := range found {
		states[id] = u.State
	}
	return states, err
}

// readUploads reads uploads by their IDs, consistently. request is the projection.
func readUploads(ctx context.Context, api BatchAPI, table, feedName string, ids []string, request types.KeysAndAttributes) (map[string]Upload, error) {
	found := make(map[string]Upload, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	request.ConsistentRead = aws.Bool(true)
	for _, id := range ids {
		request.Keys = append(request.Keys, key(feedName, id, uploadSortKey))
	}
	for backoff := retry.Throttled.Start(); ; {
		out, err := api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: request}})
		if err != nil {
			return nil, fmt.Errorf("ledger: read %d uploads of feed %s: %w", len(ids), feedName, err)
		}
		for _, it := range out.Responses[table] {
			u, err := decodeUpload(it)
			if err != nil {
				return nil, err
			}
			found[u.ID] = u
		}
		if request.Keys = out.UnprocessedKeys[table].Keys; len(request.Keys) == 0 {
			return found, nil
		}
		if err := backoff.Wait(ctx); err != nil {
			return nil, err
		}
	}
}
