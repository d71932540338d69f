package ledger

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/internal/retry"
)

// retryingAPI retries a change that DynamoDB rejected because of another change
// of the same item at the same time. Many parts of one upload are completed at
// about the same time, and each changes the upload's item; the SDK's clients do
// not retry such errors.
type retryingAPI struct{ API }

// UpdateItem implements API.
func (r retryingAPI) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (out *dynamodb.UpdateItemOutput, err error) {
	err = retryConflicts(ctx, func() error {
		out, err = r.API.UpdateItem(ctx, in, options...)
		return err
	})
	return out, err
}

// TransactWriteItems implements API.
func (r retryingAPI) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (out *dynamodb.TransactWriteItemsOutput, err error) {
	err = retryConflicts(ctx, func() error {
		out, err = r.API.TransactWriteItems(ctx, in, options...)
		return err
	})
	return out, err
}

func retryConflicts(ctx context.Context, change func() error) error {
	return retry.Do(ctx, retry.Conflict, func() error {
		err := change()
		if isConflict(err) {
			return retry.Transient(err)
		}
		return err
	})
}

// isConflict reports whether a change was rejected for a transient reason:
// another change of the item or, within a transaction, throttling.
func isConflict(err error) bool {
	if errors.As(err, new(*types.TransactionConflictException)) {
		return true
	}
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		return false
	}
	transient := false
	for _, reason := range canceled.CancellationReasons {
		switch aws.ToString(reason.Code) {
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			transient = true
		case "", "None":
		default:
			return false
		}
	}
	return transient
}
