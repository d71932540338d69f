package batchwrite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// recorder records the body of the last request of an SDK client.
type recorder struct{ body []byte }

// Do implements the SDK's HTTPClient. Its response is that of a successful PutItem.
func (w *recorder) Do(r *http.Request) (*http.Response, error) {
	var err error
	if w.body, err = io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(strings.NewReader("{}")), Request: r,
	}, nil
}

// attribute converts a decoded JSON value as a user of the SDK would.
func attribute(v any) types.AttributeValue {
	switch v := v.(type) {
	case string:
		return &types.AttributeValueMemberS{Value: v}
	case json.Number:
		return &types.AttributeValueMemberN{Value: v.String()}
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}
	case []any:
		list := make([]types.AttributeValue, len(v))
		for i, e := range v {
			list[i] = attribute(e)
		}
		return &types.AttributeValueMemberL{Value: list}
	case map[string]any:
		m := make(map[string]types.AttributeValue, len(v))
		for name, e := range v {
			m[name] = attribute(e)
		}
		return &types.AttributeValueMemberM{Value: m}
	}
	return &types.AttributeValueMemberNULL{Value: true}
}

// parse decodes one JSON value, numbers verbatim.
func parse(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// FuzzSDK compares the transcoder with the SDK's serializer: its output is
// equal to what PutItem sends for the same value, numbers digit by digit. The
// bytes differ, because the SDK keeps no order of names and escapes strings
// differently. Of a duplicate name, which no landed record contains, the last
// value counts on both sides.
func FuzzSDK(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":"b","c":[1,-0,1.5e-7,true,false,null,{"d":{}}]}`, `{"a":"\ud83d\ude00\u0000\u2028<&>"}`, `[]`, `[[],[{}],""]`,
		`"é\/\b\f\n\r\t\"\\"`, `-12345678901234567890123456789012345678e-10`, `1.50E+3`, `0e999`, ` {"a" : [ ] } `, `null`, `true`,
		`{"":"","S":{"S":1},"NULL":null,"M":{"L":[]}}`, `{"a":1,"a":{"b":2}}`, `[[[[[[]]]]]]`,
	} {
		f.Add([]byte(seed))
	}
	wire := &recorder{}
	client := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", HTTPClient: wire, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
	})
	f.Fuzz(func(t *testing.T, in []byte) {
		got, _, err := Value(nil, in, 0)
		if err != nil || !utf8.Valid(in) { // unpack rejects what is not UTF-8
			return
		}
		v, err := parse(in)
		if err != nil {
			t.Fatalf("accepted %q as %s, encoding/json: %v", in, got, err)
		}
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: aws.String("t"), Item: map[string]types.AttributeValue{"data": attribute(v)},
		}); err != nil {
			t.Fatal(err)
		}
		var sent struct {
			Item struct{ Data json.RawMessage }
		}
		if err := json.Unmarshal(wire.body, &sent); err != nil {
			t.Fatalf("%s: %v", wire.body, err)
		}
		equal(t, in, got, sent.Item.Data)

		attributes, _, err := Attributes(nil, in, 0)
		if _, object := v.(map[string]any); !object {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("accepted %q as the attributes %s, error %v", in, attributes, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q is a value and not attributes: %v", in, err)
		}
		equal(t, in, []byte(`{"M":{`+string(attributes)+`}}`), sent.Item.Data)
	})
}

func equal(t *testing.T, in, got, want []byte) {
	t.Helper()
	g, gotErr := parse(got)
	w, wantErr := parse(want)
	if gotErr != nil || wantErr != nil || !reflect.DeepEqual(g, w) {
		t.Fatalf("%q became %s, the SDK sends %s: %v, %v", in, got, want, gotErr, wantErr)
	}
}
