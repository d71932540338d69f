package ledger

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// expression builds an update expression in which every name and value is a
// placeholder: "state", "key" and others are reserved words of DynamoDB.
type expression struct {
	names      map[string]string
	values     item
	sets, adds []string
	removes    []string
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, values: item{}}
}

func (e *expression) name(attribute string) string {
	for placeholder, known := range e.names {
		if known == attribute {
			return placeholder
		}
	}
	placeholder := "#n" + strconv.Itoa(len(e.names))
	e.names[placeholder] = attribute
	return placeholder
}

func (e *expression) value(hint string, v types.AttributeValue) string {
	placeholder := ":" + hint
	if strings.ContainsAny(hint, "#") {
		placeholder = ":v" + strconv.Itoa(len(e.values))
	}
	e.values[placeholder] = v
	return placeholder
}

func (e *expression) set(attribute, operand string) {
	e.sets = append(e.sets, e.name(attribute)+" = "+operand)
}

func (e *expression) put(attribute string, v types.AttributeValue) {
	e.set(attribute, e.value(attribute, v))
}

func (e *expression) remove(attribute string) { e.removes = append(e.removes, e.name(attribute)) }

func (e *expression) add(attribute string, n int64) {
	e.adds = append(e.adds, e.name(attribute)+" "+e.value(attribute, num(n)))
}

func (e *expression) addReasons(reasons map[string]int64) {
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		e.add(reasonPrefix+reason, reasons[reason])
	}
}

func (e *expression) update() *string {
	var clauses []string
	if len(e.sets) > 0 {
		clauses = append(clauses, "SET "+strings.Join(e.sets, ", "))
	}
	if len(e.removes) > 0 {
		clauses = append(clauses, "REMOVE "+strings.Join(e.removes, ", "))
	}
	if len(e.adds) > 0 {
		clauses = append(clauses, "ADD "+strings.Join(e.adds, ", "))
	}
	s := strings.Join(clauses, " ")
	return &s
}
