package policy

import "testing"

func TestConditions(t *testing.T) {
	tests := []struct {
		condition string
		actual    []string // of key k
		want      bool
	}{
		{`{"StringEquals":{"k":"a"}}`, []string{"a"}, true},
		{`{"StringEquals":{"k":"a"}}`, nil, false},
		{`{"StringEquals":{"k":"a*"}}`, []string{"ab"}, false},
		{`{"StringEqualsIfExists":{"k":"a"}}`, nil, true},
		{`{"StringEqualsIfExists":{"k":"a"}}`, []string{"b"}, false},
		{`{"StringEqualsIgnoreCase":{"k":"A"}}`, []string{"a"}, true},
		{`{"StringNotEquals":{"k":["a","b"]}}`, []string{"c"}, true},
		{`{"StringNotEquals":{"k":["a","b"]}}`, []string{"b"}, false},
		{`{"StringNotEquals":{"k":"a"}}`, nil, true},
		{`{"StringNotEqualsIgnoreCase":{"k":"A"}}`, []string{"a"}, false},
		{`{"StringNotLike":{"k":"a*"}}`, []string{"ba"}, true},
		{`{"ForAnyValue:StringEquals":{"k":["a","b"]}}`, []string{"x", "b"}, true},
		{`{"ForAnyValue:StringEquals":{"k":"a"}}`, []string{"x"}, false},
		{`{"ForAnyValue:StringLike":{"k":"a"}}`, nil, false},
		{`{"ForAnyValue:StringNotEquals":{"k":"a"}}`, []string{"a", "b"}, true},
		{`{"ForAllValues:StringLike":{"k":["a*","b"]}}`, []string{"ab", "b"}, true},
		{`{"ForAllValues:StringLike":{"k":"a*"}}`, []string{"ab", "b"}, false},
		{`{"ForAllValues:StringEquals":{"k":"a"}}`, nil, true},
		{`{"ArnEquals":{"k":"arn:aws:s3:*:*:b*"}}`, []string{"arn:aws:s3:::bucket"}, true},
		{`{"ArnLike":{"k":"arn:*:bucket"}}`, []string{"arn:aws:s3:::bucket"}, false},
		{`{"ArnNotLike":{"k":"arn:aws:s3:::b"}}`, []string{"arn:aws:s3:::c"}, true},
		{`{"Bool":{"k":"true"}}`, []string{"true"}, true},
		{`{"Null":{"k":"true"}}`, nil, true},
		{`{"Null":{"k":"false"}}`, nil, false},
		{`{"Null":{"k":false}}`, []string{"a"}, true},
	}
	for _, test := range tests {
		d := parse(t, Identity, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":`+test.condition+`}}`)
		got := Evaluate(Request{Action: "a:b", Resource: "r", Context: map[string][]string{"K": test.actual}}, d)
		if (got == Allowed) != test.want {
			t.Errorf("%s with %q: decision %d, want allowed %t", test.condition, test.actual, got, test.want)
		}
	}
}
