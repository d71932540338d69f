package ledger_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/internal/store/ledger"
)

// throttlingAPI throttles the first requests of every operation.
type throttlingAPI struct {
	ledger.API
	// left is how many requests of an operation are still throttled.
	left map[string]int
}

func (a throttlingAPI) throttle(operation string) error {
	if a.left[operation]--; a.left[operation] < 0 {
		return nil
	}
	if operation == "TransactWriteItems" {
		return &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: aws.String("None")}, {Code: aws.String("ThrottlingError")}}}
	}
	return &types.ProvisionedThroughputExceededException{}
}

func (a throttlingAPI) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	if err := a.throttle("GetItem"); err != nil {
		return nil, err
	}
	return a.API.GetItem(ctx, in, o...)
}

func (a throttlingAPI) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if err := a.throttle("PutItem"); err != nil {
		return nil, err
	}
	return a.API.PutItem(ctx, in, o...)
}

func (a throttlingAPI) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	if err := a.throttle("UpdateItem"); err != nil {
		return nil, err
	}
	return a.API.UpdateItem(ctx, in, o...)
}

func (a throttlingAPI) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	if err := a.throttle("TransactWriteItems"); err != nil {
		return nil, err
	}
	return a.API.TransactWriteItems(ctx, in, o...)
}

func (a throttlingAPI) Query(ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	if err := a.throttle("Query"); err != nil {
		return nil, err
	}
	return a.API.Query(ctx, in, o...)
}

// unavailable answers like a DynamoDB that is never reached; the fake is not used
// within a synctest bubble, whose clock its connections would stop.
type unavailable struct{ ledger.API }

func (unavailable) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{}, nil
}

func (unavailable) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, nil
}

func (unavailable) TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

func (unavailable) UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return &dynamodb.UpdateItemOutput{}, nil
}

func (unavailable) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return &dynamodb.QueryOutput{}, nil
}

// A function waits out a throttled table with every request of the ledger, far
// beyond the attempts of the SDK and those for conflicts. The operator's commands
// fail instead.
func TestThrottlingIsWaitedOut(t *testing.T) {
	const throttled = 200
	p := part(newUpload("k", 1), 0, 3)
	for operation, request := range map[string]func(context.Context, *ledger.Ledger) error{
		"GetItem": func(ctx context.Context, l *ledger.Ledger) error {
			_, _, err := l.GetPart(ctx, "f", "u", "p")
			return err
		},
		"PutItem":            func(ctx context.Context, l *ledger.Ledger) error { _, err := l.PutPart(ctx, p); return err },
		"TransactWriteItems": func(ctx context.Context, l *ledger.Ledger) error { return l.PartLoaded(ctx, p) },
		"UpdateItem":         func(ctx context.Context, l *ledger.Ledger) error { return l.PartProgress(ctx, p, 0) },
		"Query": func(ctx context.Context, l *ledger.Ledger) error {
			return l.Parts(ctx, "f", "u", func(ledger.Part) bool { return true })
		},
	} {
		t.Run(operation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
				defer cancel()
				api := throttlingAPI{unavailable{}, map[string]int{operation: throttled}}
				if err := request(ctx, ledger.New(api, "table").WaitOutThrottling()); err != nil || api.left[operation] != -1 {
					t.Errorf("error %v after %d throttled requests", err, throttled-api.left[operation])
				}

				api.left[operation] = 1 << 30
				start := time.Now()
				err := request(ctx, ledger.New(api, "table").WaitOutThrottling())
				if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took == 0 {
					t.Errorf("at the end of the time: error %v after %v", err, took)
				}

				api.left[operation] = throttled
				if err := request(t.Context(), ledger.New(api, "table")); err == nil || api.left[operation] != throttled-1 {
					t.Errorf("for an operator: error %v after %d requests", err, throttled-api.left[operation])
				}
			})
		})
	}
}
