package ledger

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
)

// change is an update of one item.
type change struct {
	key       item
	update    expression.UpdateBuilder
	condition expression.ConditionBuilder // unset: the update is unconditional
}

func (c *change) set(attribute string, value any) {
	c.update = c.update.Set(expression.NameNoDotSplit(attribute), expression.Value(value))
}

// setOnce sets an attribute that the item does not have.
func (c *change) setOnce(attribute string, value any) {
	name := expression.NameNoDotSplit(attribute)
	c.update = c.update.Set(name, name.IfNotExists(expression.Value(value)))
}

func (c *change) remove(attribute string) {
	c.update = c.update.Remove(expression.NameNoDotSplit(attribute))
}

// add adds n to a number, which is 0 in an item that does not have it.
func (c *change) add(attribute string, n int64) {
	c.update = c.update.Add(expression.NameNoDotSplit(attribute), expression.Value(n))
}

func (c *change) addReasons(reasons map[string]int64) {
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		c.add(reasonPrefix+reason, reasons[reason])
	}
}

func equal(attribute string, value any) expression.ConditionBuilder {
	return expression.Name(attribute).Equal(expression.Value(value))
}

// isNew is the condition that the item does not exist.
func isNew() expression.ConditionBuilder {
	return expression.Name(feed.PartitionKey).AttributeNotExists()
}

func (c *change) build() (expression.Expression, error) {
	b := expression.NewBuilder().WithUpdate(c.update)
	if c.condition.IsSet() {
		b = b.WithCondition(c.condition)
	}
	return b.Build()
}

// apply makes a change and returns the item as it is after it.
func (l *Ledger) apply(ctx context.Context, c change) (item, error) {
	e, err := c.build()
	if err != nil {
		return nil, err
	}
	out, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: c.key, ConditionExpression: e.Condition(), UpdateExpression: e.Update(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(), ReturnValues: types.ReturnValueAllNew,
	})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// applyAll makes all changes or none.
func (l *Ledger) applyAll(ctx context.Context, changes ...change) error {
	var in dynamodb.TransactWriteItemsInput
	for _, c := range changes {
		e, err := c.build()
		if err != nil {
			return err
		}
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Update: &types.Update{
			TableName: &l.table, Key: c.key, ConditionExpression: e.Condition(), UpdateExpression: e.Update(),
			ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
		}})
	}
	_, err := l.api.TransactWriteItems(ctx, &in)
	return err
}

// put writes a new item and reports whether it did: an item that exists stays as it is.
func (l *Ledger) put(ctx context.Context, it item) (written bool, err error) {
	e, err := expression.NewBuilder().WithCondition(isNew()).Build()
	if err != nil {
		return false, err
	}
	_, err = l.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &l.table, Item: it, ConditionExpression: e.Condition(), ExpressionAttributeNames: e.Names(),
	})
	if conditionFailed(err) {
		return false, nil
	}
	return err == nil, err
}

// conditionFailed reports whether err says that the condition of a change was
// not satisfied, be it alone or one of a transaction.
func conditionFailed(err error) bool {
	return errors.As(err, new(*types.ConditionalCheckFailedException)) || failedChange(err) >= 0
}

// failedChange returns the index of the first change of a transaction whose
// condition was not satisfied, or -1.
func failedChange(err error) int {
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		return -1
	}
	return slices.IndexFunc(canceled.CancellationReasons, func(r types.CancellationReason) bool {
		return aws.ToString(r.Code) == "ConditionalCheckFailed"
	})
}
