package ledger

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/internal/retry"
)

// retryingAPI retries what the SDK's clients treat as final: a change that
// DynamoDB rejected because of another change of the same item at the same time,
// as when many parts of one upload are completed together, and throttling beyond
// the clients' three attempts.
type retryingAPI struct {
	API
	// throttled is the policy for throttled requests. They do not count as attempts
	// of the policy for conflicts.
	throttled retry.Policy
}

// WaitOutThrottling returns the ledger with requests that are retried, however
// often they are throttled, until their context ends. It is for functions: a
// throttled table is busy with loading, and an invocation that fails for that does
// its work again.
func (l *Ledger) WaitOutThrottling() *Ledger {
	waiting := *l
	waiting.api = retryingAPI{l.api.API, retry.Throttled}
	return &waiting
}

// onlyByClient is the policy for throttled requests that the client's own attempts
// are enough for.
var onlyByClient = retry.Policy{Attempts: 1}

// GetItem implements API.
func (r retryingAPI) GetItem(ctx context.Context, in *dynamodb.GetItemInput, options ...func(*dynamodb.Options)) (out *dynamodb.GetItemOutput, err error) {
	err = r.retry(ctx, func() error { out, err = r.API.GetItem(ctx, in, options...); return err })
	return out, err
}

// PutItem implements API.
func (r retryingAPI) PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (out *dynamodb.PutItemOutput, err error) {
	err = r.retry(ctx, func() error { out, err = r.API.PutItem(ctx, in, options...); return err })
	return out, err
}

// UpdateItem implements API.
func (r retryingAPI) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (out *dynamodb.UpdateItemOutput, err error) {
	err = r.retry(ctx, func() error { out, err = r.API.UpdateItem(ctx, in, options...); return err })
	return out, err
}

// DeleteItem implements API.
func (r retryingAPI) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, options ...func(*dynamodb.Options)) (out *dynamodb.DeleteItemOutput, err error) {
	err = r.retry(ctx, func() error { out, err = r.API.DeleteItem(ctx, in, options...); return err })
	return out, err
}

// TransactWriteItems implements API.
func (r retryingAPI) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (out *dynamodb.TransactWriteItemsOutput, err error) {
	err = r.retry(ctx, func() error { out, err = r.API.TransactWriteItems(ctx, in, options...); return err })
	return out, err
}

// Query implements API.
func (r retryingAPI) Query(ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options)) (out *dynamodb.QueryOutput, err error) {
	err = r.retry(ctx, func() error { out, err = r.API.Query(ctx, in, options...); return err })
	return out, err
}

// BatchGetItem implements API.
func (r retryingAPI) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, options ...func(*dynamodb.Options)) (out *dynamodb.BatchGetItemOutput, err error) {
	err = r.retry(ctx, func() error { out, err = r.API.BatchGetItem(ctx, in, options...); return err })
	return out, err
}

// retry calls request until it succeeds, fails for a reason that is not transient,
// or has used up the attempts of the policy for its reason.
func (r retryingAPI) retry(ctx context.Context, request func() error) error {
	conflicts, throttles := retry.Conflict.Start(), r.throttled.Start()
	for {
		err := request()
		wait := throttles
		switch transientReason(err) {
		case conflict:
			wait = conflicts
		case throttled:
		default:
			return err
		}
		if waitErr := wait.Wait(ctx); errors.Is(waitErr, retry.ErrExhausted) {
			return err
		} else if waitErr != nil {
			return errors.Join(err, waitErr)
		}
	}
}

// The transient reasons for which DynamoDB rejects a request.
const (
	notTransient = iota
	conflict
	throttled
)

// transientReason returns why a request was rejected: another change of the item,
// throttling, or a reason that is not transient. In a transaction the reason of any
// item that is not transient decides, then throttling.
func transientReason(err error) int {
	if err == nil {
		return notTransient
	}
	if errors.As(err, new(*types.TransactionConflictException)) {
		return conflict
	}
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		if throttles.IsErrorThrottle(err) == aws.TrueTernary {
			return throttled
		}
		return notTransient
	}
	reason := notTransient
	for _, r := range canceled.CancellationReasons {
		switch aws.ToString(r.Code) {
		case "TransactionConflict":
			reason = max(reason, conflict)
		case "ThrottlingError", "ProvisionedThroughputExceeded":
			reason = throttled
		case "", "None":
		default:
			return notTransient
		}
	}
	return reason
}

// throttles recognizes the error codes that the SDK retries as throttling.
var throttles = sdkretry.IsErrorThrottles(sdkretry.DefaultThrottles)
