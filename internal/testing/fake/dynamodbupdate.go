package fake

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"strings"
)

// check knows attribute_not_exists(pk), and comparisons of one attribute with
// = or <>, joined by AND.
func (in *request) check(it Item) error {
	if in.ConditionExpression == "" {
		return nil
	}
	for condition := range strings.SplitSeq(in.ConditionExpression, " AND ") {
		if condition == "attribute_not_exists(pk)" {
			if it != nil {
				return errCondition
			}
			continue
		}
		name, value, equal := strings.Cut(condition, " = ")
		if !equal {
			name, value, _ = strings.Cut(condition, " <> ")
		}
		if in.ExpressionAttributeNames[name] == "" || in.ExpressionAttributeValues[value] == nil {
			return invalid("condition %q", in.ConditionExpression)
		}
		if same := it.Str(in.ExpressionAttributeNames[name]) == in.ExpressionAttributeValues.Str(value); it == nil || same != equal {
			return errCondition
		}
	}
	return nil
}

// update returns the item as the update leaves it. It knows SET of a value or
// of if_not_exists, REMOVE, and ADD of a number, in this order.
func (f *DynamoDB) update(in *request) (Item, error) {
	old := f.items[in.Key.id()]
	if err := in.check(old); err != nil {
		return nil, err
	}
	it := maps.Clone(old)
	if it == nil {
		it = maps.Clone(in.Key)
	}
	sets, adds, _ := strings.Cut(in.UpdateExpression, "ADD ")
	sets, removes, _ := strings.Cut(sets, "REMOVE ")
	for name := range strings.SplitSeq(strings.TrimSpace(removes), ", ") {
		delete(it, in.ExpressionAttributeNames[name])
	}
	sets = strings.TrimSpace(strings.TrimPrefix(sets, "SET "))
	for clause := range strings.SplitSeq(sets, ", #") {
		if clause == "" {
			continue
		}
		name, operand, ok := strings.Cut("#"+strings.TrimPrefix(clause, "#"), " = ")
		attribute := in.ExpressionAttributeNames[name]
		if inner, yes := strings.CutPrefix(operand, "if_not_exists("); yes {
			_, operand, _ = strings.Cut(strings.TrimSuffix(inner, ")"), ", ")
			if _, exists := it[attribute]; exists {
				continue
			}
		}
		value := in.ExpressionAttributeValues[operand]
		if !ok || attribute == "" || value == nil {
			return nil, invalid("clause %q of %q", clause, in.UpdateExpression)
		}
		it[attribute] = value
	}
	for clause := range strings.SplitSeq(adds, ", ") {
		if clause == "" {
			continue
		}
		name, operand, _ := strings.Cut(clause, " ")
		attribute := in.ExpressionAttributeNames[name]
		sum, ok := new(big.Int).SetString(in.ExpressionAttributeValues.Str(operand), 10)
		was, wasOK := new(big.Int).SetString(cmp.Or(it.Str(attribute), "0"), 10)
		if attribute == "" || !ok || !wasOK {
			return nil, invalid("clause %q of %q", clause, in.UpdateExpression)
		}
		it[attribute] = fmt.Appendf(nil, `{"N":"%s"}`, sum.Add(sum, was))
	}
	return it, nil
}
