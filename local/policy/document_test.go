package policy

import (
	"strings"
	"testing"
)

func TestUnsupportedPoliciesAreErrors(t *testing.T) {
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
		"open variable":       {Identity, `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username"}`, "is not closed"},
		"unknown variable":    {Identity, `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${username}"}`, "not a condition key"},
		"default of variable": {Identity, `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username, x}"}`, "single quotes"},
		"action":              {Identity, `{"Effect":"Allow","Action":"GetObject","Resource":"*"}`, "service:Action"},
		"effect":              {Identity, `{"Effect":"Permit","Action":"*","Resource":"*"}`, "Permit"},
		"no action":           {Identity, `{"Effect":"Allow","Resource":"*"}`, "Action"},
		"no resource":         {Identity, `{"Effect":"Allow","Action":"*"}`, "Resource"},
		"principal in a role": {Identity, allow + `,"Principal":"*"}`, "Principal"},
		"no principal":        {Trust, `{"Effect":"Allow","Action":"*"}`, "Principal is required"},
		"principal kind":      {Trust, `{"Effect":"Allow","Action":"*","Principal":{"Aws":"*"}}`, "type of principal"},
		"not principal":       {Resource, allow + `,"Principal":"*","NotPrincipal":"*"}`, "NotPrincipal"},
		"resource in trust":   {Trust, allow + `,"Principal":"*"}`, "no Resource"},
		"not JSON":            {Identity, `{`, "policy"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(test.kind, `{"Version":"2012-10-17","Statement":[`+test.statement+`]}`); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one about %s", err, test.want)
			}
		})
	}
}

func TestParseEncoded(t *testing.T) {
	const encoded = "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22a%3Ab+c%22%2C%22Resource%22%3A%22*%22%7D%5D%7D"
	d, err := ParseEncoded(Identity, encoded)
	if err != nil {
		t.Fatal(err)
	}
	if Evaluate(Request{Action: "a:b+c", Resource: "r"}, d) != Allowed {
		t.Error("the plus sign was decoded as a space")
	}
	if _, err := ParseEncoded(Identity, "%zz"); err == nil {
		t.Error("an invalid escape was accepted")
	}
}
