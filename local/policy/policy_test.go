package policy

import (
	"strings"
	"testing"
)

const (
	user  = "arn:aws:iam::999999999999:user/snow"
	trust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":PRINCIPAL},"Action":"sts:AssumeRole","Condition":CONDITION}}`
)

func parse(t *testing.T, kind Kind, text string) Document {
	t.Helper()
	d, err := Parse(kind, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTrust(t *testing.T) {
	const external = `{"StringEquals":{"sts:ExternalId":"abc"}}`
	tests := map[string]struct {
		principal, condition string
		want                 Decision
	}{
		"user and ID":        {`"` + user + `"`, external, Allowed},
		"one of several":     {`["arn:aws:iam::1:user/x","` + user + `"]`, external, Allowed},
		"account root":       {`"arn:aws:iam::999999999999:root"`, external, Allowed},
		"account number":     {`"999999999999"`, external, Allowed},
		"everybody":          {`"*"`, external, Allowed},
		"other user":         {`"arn:aws:iam::999999999999:user/snow2"`, external, NotAllowed},
		"other account":      {`"arn:aws:iam::111111111111:root"`, external, NotAllowed},
		"wildcard in an ARN": {`"arn:aws:iam::999999999999:user/*"`, external, NotAllowed},
		"case of the key":    {`"*"`, `{"StringEquals":{"STS:externalid":"abc"}}`, Allowed},
		"list of IDs":        {`"*"`, `{"StringEquals":{"sts:ExternalId":["x","abc"]}}`, Allowed},
		"other ID":           {`"*"`, `{"StringEquals":{"sts:ExternalId":"abd"}}`, NotAllowed},
		"case of the ID":     {`"*"`, `{"StringEquals":{"sts:ExternalId":"ABC"}}`, NotAllowed},
		"ID as a pattern":    {`"*"`, `{"StringLike":{"sts:ExternalId":"a*"}}`, Allowed},
		"two conditions":     {`"*"`, `{"StringEquals":{"sts:ExternalId":"abc"},"Bool":{"aws:MultiFactorAuthPresent":"true"}}`, NotAllowed},
		"no condition":       {`"*"`, `{}`, Allowed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := parse(t, Trust, strings.NewReplacer("PRINCIPAL", test.principal, "CONDITION", test.condition).Replace(trust))
			r := Request{Principal: user, Action: "sts:AssumeRole", Context: map[string][]string{"sts:ExternalId": {"abc"}}}
			if got := Evaluate(r, d); got != test.want {
				t.Errorf("decision %d, want %d", got, test.want)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	const (
		read   = `{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::b/pfx/*"}`
		list   = `{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b","Condition":{"StringLike":{"s3:prefix":["pfx/*"]}}}`
		object = "arn:aws:s3:::b/pfx/a/b.gz"
	)
	tests := map[string]struct {
		statement, action, resource, prefix string
		want                                Decision
	}{
		"object":                      {read, "s3:GetObject", object, "", Allowed},
		"object elsewhere":            {read, "s3:GetObject", "arn:aws:s3:::b/pfx2/a", "", NotAllowed},
		"other bucket":                {read, "s3:GetObject", "arn:aws:s3:::b2/pfx/a", "", NotAllowed},
		"other action":                {read, "s3:PutObject", object, "", NotAllowed},
		"action by wildcard":          {`{"Effect":"Allow","Action":"S3:get*","Resource":"*"}`, "s3:GetObject", object, "", Allowed},
		"question mark":               {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::?/pfx/a/?.gz"}`, "s3:GetObject", object, "", Allowed},
		"list below the prefix":       {list, "s3:ListBucket", "arn:aws:s3:::b", "pfx/", Allowed},
		"list beside the prefix":      {list, "s3:ListBucket", "arn:aws:s3:::b", "pfx", NotAllowed},
		"list all":                    {list, "s3:ListBucket", "arn:aws:s3:::b", "", NotAllowed},
		"location under a condition":  {strings.Replace(list, "ListBucket", "*", 1), "s3:GetBucketLocation", "arn:aws:s3:::b", "", NotAllowed},
		"deny wins":                   {read + `,{"Effect":"Deny","Action":"s3:*","Resource":"*"}`, "s3:GetObject", object, "", Denied},
		"deny under a condition":      {read + `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}}`, "s3:GetObject", object, "", Allowed},
		"deny but for":                {read + `,{"Effect":"Deny","NotAction":"s3:List*","NotResource":"arn:aws:s3:::b/pfx/*"}`, "s3:GetObject", object, "", Allowed},
		"deny but for something else": {read + `,{"Effect":"Deny","NotAction":"s3:List*","NotResource":"arn:aws:s3:::c/*"}`, "s3:GetObject", object, "", Denied},
		"nothing":                     {"", "s3:GetObject", object, "", NotAllowed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := parse(t, Identity, `{"Version":"2012-10-17","Statement":[`+test.statement+`]}`)
			context := map[string][]string{"aws:SecureTransport": {"true"}}
			if test.action == "s3:ListBucket" {
				context["s3:prefix"] = []string{test.prefix}
			}
			if got := Evaluate(Request{Action: test.action, Resource: test.resource, Context: context}, d); got != test.want {
				t.Errorf("decision %d, want %d", got, test.want)
			}
		})
	}
}

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

func TestRefused(t *testing.T) {
	const allow = `{"Effect":"Allow","Action":"*","Resource":"*"`
	tests := map[string]struct {
		kind      Kind
		statement string
		want      string
	}{
		"operator":            {Identity, allow + `,"Condition":{"IpAddress":{"aws:SourceIp":"1.2.3.4"}}}`, `unknown condition operator "IpAddress"`},
		"set operator":        {Identity, allow + `,"Condition":{"ForSome:StringLike":{"k":"v"}}}`, "unknown condition operator"},
		"negated Bool":        {Identity, allow + `,"Condition":{"NotBool":{"k":"v"}}}`, "unknown condition operator"},
		"element":             {Identity, allow + `,"Conditions":{}}`, "Conditions"},
		"variable":            {Identity, `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}`, "variables"},
		"effect":              {Identity, `{"Effect":"Permit","Action":"*","Resource":"*"}`, "Permit"},
		"no action":           {Identity, `{"Effect":"Allow","Resource":"*"}`, "Action"},
		"no resource":         {Identity, `{"Effect":"Allow","Action":"*"}`, "Resource"},
		"principal in a role": {Identity, allow + `,"Principal":"*"}`, "Principal"},
		"no principal":        {Trust, `{"Effect":"Allow","Action":"*"}`, "no Principal"},
		"principal kind":      {Trust, `{"Effect":"Allow","Action":"*","Principal":{"Aws":"*"}}`, "kind of principal"},
		"not principal":       {Resource, allow + `,"Principal":"*","NotPrincipal":"*"}`, "NotPrincipal"},
		"resource in trust":   {Trust, allow + `,"Principal":"*"}`, "no Resource"},
		"no JSON":             {Identity, `{`, "policy"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(test.kind, `{"Statement":[`+test.statement+`]}`); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one about %s", err, test.want)
			}
		})
	}
}

func TestEncoded(t *testing.T) {
	const encoded = "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22a%3Ab+c%22%2C%22Resource%22%3A%22*%22%7D%5D%7D"
	d, err := ParseEncoded(Identity, encoded)
	if err != nil {
		t.Fatal(err)
	}
	if Evaluate(Request{Action: "a:b+c", Resource: "r"}, d) != Allowed {
		t.Error("the plus sign was taken for a space")
	}
	if _, err := ParseEncoded(Identity, "%zz"); err == nil {
		t.Error("a broken escape was accepted")
	}
}
