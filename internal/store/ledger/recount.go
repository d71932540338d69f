package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// recount counts the parts of an upload of which more are loaded than it has:
// an invocation that found the source gone has ended the upload, with what was
// landed by then, while another was still reading and has landed more.
func (l *Ledger) recount(ctx context.Context, u Upload) error {
	var parts, records, bytes int64
	err := l.Parts(ctx, u.Feed, u.ID, func(p Part) bool {
		parts++
		records += p.Records - p.Replayed
		bytes += p.Bytes
		return true
	})
	if err != nil || parts <= u.Parts {
		return err
	}
	e := newExpression()
	e.put("records", num(records+u.RejectedByUnpack))
	e.put("bytes_landed", num(bytes))
	if u.PartsLoaded < parts {
		e.put("state", str(string(Unpacked)))
	}
	// Of two that count, or a replay in between, one has to count again.
	condition := e.name("parts") + " = " + e.value("was", num(u.Parts)) + " AND " + e.name("rejected_by_unpack") + " = " + e.value("rejected", num(u.RejectedByUnpack))
	e.put("parts", num(parts))
	_, err = l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: key(u.Feed, u.ID, uploadSortKey), ConditionExpression: &condition,
		UpdateExpression: e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	var moved *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &moved) {
		return fmt.Errorf("ledger: count the parts of upload %s: %w", u.ID, err)
	}
	return nil
}
