package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/internal/retry"
)

// BatchAPI is what States needs of a DynamoDB client.
type BatchAPI interface {
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
}

// MaxStates is how many uploads States looks up at a time: DynamoDB's limit of a batch.
const MaxStates = 100

// States returns the states of the uploads that the ledger of a table has, of
// at most MaxStates by their IDs, which must differ. It reads consistently.
func States(ctx context.Context, api BatchAPI, table, feedName string, ids []string) (map[string]State, error) {
	states := make(map[string]State, len(ids))
	if len(ids) == 0 {
		return states, nil
	}
	projection, consistent := "#u, #s", true
	ask := types.KeysAndAttributes{
		ConsistentRead: &consistent, ProjectionExpression: &projection,
		ExpressionAttributeNames: map[string]string{"#u": "upload", "#s": "state"},
	}
	for _, id := range ids {
		ask.Keys = append(ask.Keys, key(feedName, id, uploadSortKey))
	}
	for attempt := 0; ; attempt++ {
		out, err := api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: ask}})
		if err != nil {
			return nil, fmt.Errorf("ledger: look up %d uploads of feed %s: %w", len(ids), feedName, err)
		}
		for _, it := range out.Responses[table] {
			states[getStr(it, "upload")] = State(getStr(it, "state"))
		}
		left := out.UnprocessedKeys[table].Keys
		if len(left) == 0 {
			return states, nil
		}
		ask.Keys = left
		if err := retry.For(ctx, 50*time.Millisecond<<min(attempt, 6)); err != nil {
			return nil, err
		}
	}
}
