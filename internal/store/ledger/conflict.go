package ledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// patient makes a change again that DynamoDB refused because another one is at
// work on the item. Many parts of one upload end at a time, and each changes the
// upload's item; the SDK's clients take such an answer for final.
type patient struct{ API }

// maxConflicts is how often in a row a change may be refused: half a minute.
const maxConflicts = 25

// UpdateItem implements API.
func (p patient) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (out *dynamodb.UpdateItemOutput, err error) {
	err = again(ctx, func() error {
		out, err = p.API.UpdateItem(ctx, in, options...)
		return err
	})
	return out, err
}

// TransactWriteItems implements API.
func (p patient) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (out *dynamodb.TransactWriteItemsOutput, err error) {
	err = again(ctx, func() error {
		out, err = p.API.TransactWriteItems(ctx, in, options...)
		return err
	})
	return out, err
}

func again(ctx context.Context, change func() error) error {
	for attempt := 1; ; attempt++ {
		err := change()
		if err == nil || !conflicts(err) || attempt == maxConflicts {
			return err
		}
		t := time.NewTimer(rand.N(min(20*time.Millisecond<<min(attempt, 10), 2*time.Second)))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// conflicts reports whether a change was refused for what passes: another change
// of the item or, within a transaction, too many of them.
func conflicts(err error) bool {
	var single *types.TransactionConflictException
	if errors.As(err, &single) {
		return true
	}
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		return false
	}
	passes := false
	for _, reason := range canceled.CancellationReasons {
		switch aws.ToString(reason.Code) {
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			passes = true
		case "", "None":
		default:
			return false
		}
	}
	return passes
}
