package records

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// jsonValue is an attribute as JSON.
type jsonValue []byte

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (j *jsonValue) UnmarshalDynamoDBAttributeValue(v types.AttributeValue) (err error) {
	*j, err = appendJSON(nil, v)
	return err
}

// text is null for an item without the attribute.
func (j jsonValue) text() json.RawMessage {
	if j == nil {
		return json.RawMessage("null")
	}
	return json.RawMessage(j)
}

// appendJSON appends an attribute as JSON. Numbers keep the form that DynamoDB
// returns, with all digits; package attributevalue would make them float64 or
// strings. The keys of a map are sorted, because DynamoDB keeps no order. Binary
// values and sets, which no feed writes, become base64 and arrays.
func appendJSON(dst []byte, v types.AttributeValue) ([]byte, error) {
	switch v := v.(type) {
	case nil, *types.AttributeValueMemberNULL:
		return append(dst, "null"...), nil
	case *types.AttributeValueMemberS:
		return appendString(dst, v.Value), nil
	case *types.AttributeValueMemberN:
		return append(dst, v.Value...), nil
	case *types.AttributeValueMemberBOOL:
		if v.Value {
			return append(dst, "true"...), nil
		}
		return append(dst, "false"...), nil
	case *types.AttributeValueMemberL:
		return appendArray(dst, v.Value, appendJSON)
	case *types.AttributeValueMemberM:
		return appendObject(dst, v.Value)
	case *types.AttributeValueMemberB:
		return appendBinary(dst, v.Value)
	case *types.AttributeValueMemberSS:
		return appendArray(dst, v.Value, func(dst []byte, s string) ([]byte, error) { return appendString(dst, s), nil })
	case *types.AttributeValueMemberNS:
		return appendArray(dst, v.Value, func(dst []byte, s string) ([]byte, error) { return append(dst, s...), nil })
	case *types.AttributeValueMemberBS:
		return appendArray(dst, v.Value, appendBinary)
	}
	return dst, fmt.Errorf("attribute of unknown type %T", v)
}

func appendObject(dst []byte, m map[string]types.AttributeValue) ([]byte, error) {
	var err error
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, name), ':')
		if dst, err = appendJSON(dst, m[name]); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func appendArray[T any](dst []byte, values []T, appendValue func([]byte, T) ([]byte, error)) ([]byte, error) {
	var err error
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendValue(dst, v); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendBinary(dst, b []byte) ([]byte, error) {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"'), nil
}

// appendString does not escape <, > and &, as json.Marshal does.
func appendString(dst []byte, s string) []byte {
	unescaped := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			unescaped = false
			break
		}
	}
	if unescaped {
		return append(append(append(dst, '"'), s...), '"')
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // neither a string nor a buffer returns an error
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// AppendJSON appends the record as JSON in one line, without a line break.
func (r Record) AppendJSON(dst []byte) []byte {
	dst = appendString(append(dst, `{"id":`...), r.ID)
	dst = appendString(append(dst, `,"feed":`...), r.Feed)
	dst = appendString(append(dst, `,"source":`...), r.Source)
	dst = appendString(append(dst, `,"version":`...), r.Version)
	dst = appendString(append(dst, `,"entry":`...), r.Entry)
	dst = fmt.Appendf(dst, `,"ordinal":%d,"data":`, r.Ordinal)
	return append(append(dst, r.Data...), '}')
}

// readOnly implements ledger.API for an [API] that can only read.
type readOnly struct{ API }

var errReadOnly = errors.New("package records does not write")

func (readOnly) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return nil, errReadOnly
}

func (readOnly) UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return nil, errReadOnly
}

func (readOnly) TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return nil, errReadOnly
}

func (readOnly) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return nil, errReadOnly
}
