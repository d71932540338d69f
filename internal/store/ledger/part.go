package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
)

// Part is the ledger's item of one part.
type Part struct {
	Feed, Upload string
	// Name is <entry>-<part>, see upload.PartName.
	Name    string
	Entry   int
	Key     string // in the landing bucket
	State   State
	Records int64
	Bytes   int64 // compressed
	Shards  int
	Stored  int64
	// Rejected is how many of the records load put in quarantine.
	Rejected int64
	// Replayed is how many of those a replay has taken out again since, to land
	// them in parts of their own.
	Replayed int64
	// Message says in words why the first of them was.
	Message string
	// Lines is how many of the part's lines Stored and Rejected account for, when
	// load ran out of time.
	Lines int64
	// Reasons counts the rejected records by reason.
	Reasons map[string]int64
	// Time is that of the source object: quarantine is filed by it.
	Time               time.Time
	LandedAt, LoadedAt time.Time
}

// PutPart enters a part as Landed, unless the ledger has it already; it returns
// the state that the ledger then holds.
func (l *Ledger) PutPart(ctx context.Context, p Part) (State, error) {
	it := key(p.Feed, p.Upload, partSortPrefix+p.Name)
	maps.Copy(it, item{
		"item":        str("part"),
		"feed":        str(p.Feed),
		"upload":      str(p.Upload),
		"part":        str(p.Name),
		"entry":       num(int64(p.Entry)),
		"landing_key": str(p.Key),
		"state":       str(string(Landed)),
		"records":     num(p.Records),
		"bytes":       num(p.Bytes),
		"shards":      num(int64(p.Shards)),
		"lines_done":  num(0),
		"replayed":    num(0),
		"source_time": stamp(p.Time),
		"landed_at":   stamp(l.now()),
	})
	_, err := l.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &l.table, Item: it,
		ConditionExpression:                 aws.String("attribute_not_exists(" + feed.PartitionKey + ")"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err == nil {
		return Landed, nil
	}
	var exists *types.ConditionalCheckFailedException
	if !errors.As(err, &exists) {
		return "", fmt.Errorf("ledger: enter part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	was, ok, err := l.GetPart(ctx, p.Feed, p.Upload, p.Name)
	if err != nil {
		return "", err
	}
	if ok && was.Records != p.Records {
		return "", fmt.Errorf("ledger: part %s of upload %s has %d records now and had %d when it was first landed: the source object changed under one version",
			p.Name, p.Upload, p.Records, was.Records)
	}
	return was.State, nil
}

// GetPart returns the item of a part, or false where the ledger has none.
func (l *Ledger) GetPart(ctx context.Context, feedName, id, name string) (Part, bool, error) {
	out, err := l.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.table, Key: key(feedName, id, partSortPrefix+name), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Part{}, false, fmt.Errorf("ledger: read part %s of upload %s: %w", name, id, err)
	}
	if len(out.Item) == 0 {
		return Part{}, false, nil
	}
	return decodePart(out.Item), true, nil
}

// PartProgress stores how far load has come with a part: p's counts account
// for p.Lines lines. Nothing changes where another invocation has moved the
// part on from where this one found it, at from lines.
func (l *Ledger) PartProgress(ctx context.Context, p Part, from int64) error {
	e := newExpression()
	e.putPartCounts(p)
	_, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: key(p.Feed, p.Upload, partSortPrefix+p.Name),
		ConditionExpression: aws.String(e.name("lines_done") + " = " + e.value("from", num(from))),
		UpdateExpression:    e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	var other *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &other) {
		return fmt.Errorf("ledger: store progress of part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	return nil
}

func (e *expression) putPartCounts(p Part) {
	e.put("lines_done", num(p.Lines))
	e.put("stored", num(p.Stored))
	e.put("rejected", num(p.Rejected))
	if p.Message != "" {
		e.put("message", str(p.Message))
	}
	for _, reason := range slices.Sorted(maps.Keys(p.Reasons)) {
		e.put(reasonPrefix+reason, num(p.Reasons[reason]))
	}
}

// PartLoaded marks a part as loaded and adds its counts to its upload's, both
// or neither. A part that is loaded already changes nothing.
func (l *Ledger) PartLoaded(ctx context.Context, p Part) error {
	part := newExpression()
	part.put("state", str(string(Loaded)))
	part.put("loaded_at", stamp(l.now()))
	// All lines are done: an invocation that is behind cannot store its progress any more.
	p.Lines = p.Records
	part.putPartCounts(p)
	condition := part.name("state") + " = " + part.value("from", str(string(Landed)))

	sum := newExpression()
	sum.add("stored", p.Stored)
	sum.add("rejected_by_load", p.Rejected)
	sum.add("parts_loaded", 1)
	if p.Message != "" {
		// The upload tells the problem that was found first.
		sum.set("message", "if_not_exists("+sum.name("message")+", "+sum.value("message", str(p.Message))+")")
	}
	sum.addReasons(p.Reasons)

	_, err := l.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Update: &types.Update{
			TableName: &l.table, Key: key(p.Feed, p.Upload, partSortPrefix+p.Name),
			ConditionExpression: &condition, UpdateExpression: part.update(),
			ExpressionAttributeNames: part.names, ExpressionAttributeValues: part.values,
		}},
		{Update: &types.Update{
			TableName: &l.table, Key: key(p.Feed, p.Upload, uploadSortKey),
			UpdateExpression:         sum.update(),
			ExpressionAttributeNames: sum.names, ExpressionAttributeValues: sum.values,
		}},
	}})
	if err == nil {
		return nil
	}
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) && len(canceled.CancellationReasons) > 0 &&
		aws.ToString(canceled.CancellationReasons[0].Code) == "ConditionalCheckFailed" {
		return nil
	}
	return fmt.Errorf("ledger: enter part %s of upload %s as loaded: %w", p.Name, p.Upload, err)
}
