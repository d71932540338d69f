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

// appendJSON appends a value of the table as JSON. Numbers stay as the table has
// them, to the last digit; the names of a map are sorted, for the table keeps no
// order. Binary values and sets, which no feed writes, become base64 and arrays.
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
	return dst, fmt.Errorf("a value of type %T", v)
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

func appendArray[T any](dst []byte, all []T, one func([]byte, T) ([]byte, error)) ([]byte, error) {
	var err error
	dst = append(dst, '[')
	for i, v := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = one(dst, v); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendBinary(dst, b []byte) ([]byte, error) {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"'), nil
}

// appendString leaves <, > and & as they are, as json.Marshal does not.
func appendString(dst []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		return append(append(append(dst, '"'), s...), '"')
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string can always be written, and so can a buffer
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// AppendJSON appends the record as one line of JSON, without a line break.
func (r Record) AppendJSON(dst []byte) []byte {
	dst = appendString(append(dst, `{"id":`...), r.ID)
	dst = appendString(append(dst, `,"feed":`...), r.Feed)
	dst = appendString(append(dst, `,"source":`...), r.Source)
	dst = appendString(append(dst, `,"version":`...), r.Version)
	dst = appendString(append(dst, `,"entry":`...), r.Entry)
	dst = fmt.Appendf(dst, `,"ordinal":%d,"data":`, r.Ordinal)
	return append(append(dst, r.Data...), '}')
}

// readOnly is a client for a ledger that is only read.
type readOnly struct{ API }

var errReadOnly = errors.New("the records are only read")

func (readOnly) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return nil, errReadOnly
}

func (readOnly) UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return nil, errReadOnly
}

func (readOnly) TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return nil, errReadOnly
}
