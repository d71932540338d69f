package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Reopen takes back that a part is loaded, together with its counts, so that it
// is loaded once more: its items are then put again under the same keys. It
// changes nothing of a part that is not Loaded. A part with records that a
// replay has taken out of quarantine cannot be reopened: they would be there twice.
func (l *Ledger) Reopen(ctx context.Context, p Part) error {
	if p.Replayed > 0 {
		return p.replayedSince()
	}
	part := newExpression()
	part.put("state", str(string(Landed)))
	for _, name := range []string{"lines_done", "stored", "rejected"} {
		part.put(name, num(0))
	}
	for _, reason := range slices.Sorted(maps.Keys(p.Reasons)) {
		part.put(reasonPrefix+reason, num(0))
	}
	// A replay may have been entered since the part was read.
	partCondition := part.name("state") + " = " + part.value("from", str(string(Loaded))) + " AND " + part.name("replayed") + " = " + part.value("replayed", num(0))

	sum := newExpression()
	sum.put("state", str(string(Unpacked)))
	sum.add("stored", -p.Stored)
	sum.add("rejected_by_load", -p.Rejected)
	sum.add("parts_loaded", -1)
	minus := map[string]int64{}
	for reason, n := range p.Reasons {
		minus[reason] = -n
	}
	sum.addReasons(minus)
	sumCondition := sum.name("state") + " <> " + sum.value("from", str(string(Unpacking)))

	update := func(sort string, e *expression, condition string) types.TransactWriteItem {
		return types.TransactWriteItem{Update: &types.Update{
			TableName: &l.table, Key: key(p.Feed, p.Upload, sort), ConditionExpression: &condition,
			UpdateExpression: e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		}}
	}
	_, err := l.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		update(partSortPrefix+p.Name, part, partCondition), update(uploadSortKey, sum, sumCondition),
	}})
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) && len(canceled.CancellationReasons) > 0 &&
		aws.ToString(canceled.CancellationReasons[0].Code) == "ConditionalCheckFailed" {
		now, ok, err := l.GetPart(ctx, p.Feed, p.Upload, p.Name)
		if err == nil && ok && now.State == Loaded {
			err = now.replayedSince()
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("ledger: reopen part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	return nil
}

func (p Part) replayedSince() error {
	return fmt.Errorf("ledger: part %s of upload %s: %d of its refused records were replayed since, so that it cannot be loaded once more", p.Name, p.Upload, p.Replayed)
}
