package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
)

// Missing enters an upload whose source object is not there any more, and
// reports whether it did: of one that was begun it changes nothing. It is one
// write, so that nobody ever takes up an upload of which no more is known than
// its event says.
func (l *Ledger) Missing(ctx context.Context, u Upload, message string) (entered bool, err error) {
	it := l.entry(u, Missing)
	maps.Copy(it, key(u.Feed, u.ID, uploadSortKey))
	it["message"] = str(message)
	_, err = l.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &l.table, Item: it, ConditionExpression: aws.String("attribute_not_exists(" + feed.PartitionKey + ")"),
	})
	var begun *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &begun):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("ledger: enter missing upload %s: %w", u.ID, err)
	}
	return true, nil
}

// Found takes back that an upload is Missing: in a bucket without versions the
// same content may be put again. The upload is then Unpacking, as if Begin had
// entered it. It returns what the ledger holds; of an upload that is not Missing
// it changes nothing.
func (l *Ledger) Found(ctx context.Context, u Upload) (Upload, error) {
	e := newExpression()
	e.put("state", str(string(Unpacking)))
	e.put("bytes_in", num(u.Size))
	e.put("shards", num(int64(u.Shards)))
	e.put("part_bytes", num(u.PartBytes))
	e.put("source_time", stamp(u.Time))
	e.put("started_at", stamp(l.now()))
	e.put(feed.LedgerIndexSortKey, str(u.Time.UTC().Format(timeLayout)+"#"+u.ID))
	e.remove("message")
	out, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: key(u.Feed, u.ID, uploadSortKey),
		ConditionExpression: aws.String(e.name("state") + " = " + e.value("from", str(string(Missing)))),
		UpdateExpression:    e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ReturnValues: types.ReturnValueAllNew,
	})
	var moved *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &moved):
		now, _, err := l.GetUpload(ctx, u.Feed, u.ID)
		return now, err
	case err != nil:
		return Upload{}, fmt.Errorf("ledger: begin missing upload %s: %w", u.ID, err)
	}
	return decodeUpload(out.Attributes), nil
}
