package policy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
		"everyone":           {`"*"`, external, Allowed},
		"other user":         {`"arn:aws:iam::999999999999:user/snow2"`, external, NotAllowed},
		"other account":      {`"arn:aws:iam::111111111111:root"`, external, NotAllowed},
		"wildcard in an ARN": {`"arn:aws:iam::999999999999:user/*"`, external, NotAllowed},
		"case of the key":    {`"*"`, `{"StringEquals":{"STS:externalid":"abc"}}`, Allowed},
		"list of IDs":        {`"*"`, `{"StringEquals":{"sts:ExternalId":["x","abc"]}}`, Allowed},
		"other ID":           {`"*"`, `{"StringEquals":{"sts:ExternalId":"abd"}}`, NotAllowed},
		"ID in another case": {`"*"`, `{"StringEquals":{"sts:ExternalId":"ABC"}}`, NotAllowed},
		"ID as a pattern":    {`"*"`, `{"StringLike":{"sts:ExternalId":"a*"}}`, Allowed},
		"two conditions":     {`"*"`, `{"StringEquals":{"sts:ExternalId":"abc"},"Bool":{"aws:MultiFactorAuthPresent":"true"}}`, NotAllowed},
		"no condition":       {`"*"`, `{}`, Allowed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := parse(t, Trust, strings.NewReplacer("PRINCIPAL", test.principal, "CONDITION", test.condition).Replace(trust))
			r := Request{Principal: Principal{ARNs: []string{user}}, Action: "sts:AssumeRole", Context: map[string][]string{"sts:ExternalId": {"abc"}}}
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
		"object":                     {read, "s3:GetObject", object, "", Allowed},
		"object outside the prefix":  {read, "s3:GetObject", "arn:aws:s3:::b/pfx2/a", "", NotAllowed},
		"other bucket":               {read, "s3:GetObject", "arn:aws:s3:::b2/pfx/a", "", NotAllowed},
		"other action":               {read, "s3:PutObject", object, "", NotAllowed},
		"action by wildcard":         {`{"Effect":"Allow","Action":"S3:get*","Resource":"*"}`, "s3:GetObject", object, "", Allowed},
		"question mark":              {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::?/pfx/a/?.gz"}`, "s3:GetObject", object, "", Allowed},
		"list below the prefix":      {list, "s3:ListBucket", "arn:aws:s3:::b", "pfx/", Allowed},
		"list outside the prefix":    {list, "s3:ListBucket", "arn:aws:s3:::b", "pfx", NotAllowed},
		"list all":                   {list, "s3:ListBucket", "arn:aws:s3:::b", "", NotAllowed},
		"location under a condition": {strings.Replace(list, "ListBucket", "*", 1), "s3:GetBucketLocation", "arn:aws:s3:::b", "", NotAllowed},
		"deny wins":                  {read + `,{"Effect":"Deny","Action":"s3:*","Resource":"*"}`, "s3:GetObject", object, "", Denied},
		"deny under a condition":     {read + `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}}`, "s3:GetObject", object, "", Allowed},
		"deny with exceptions":       {read + `,{"Effect":"Deny","NotAction":"s3:List*","NotResource":"arn:aws:s3:::b/pfx/*"}`, "s3:GetObject", object, "", Allowed},
		"deny with other exceptions": {read + `,{"Effect":"Deny","NotAction":"s3:List*","NotResource":"arn:aws:s3:::c/*"}`, "s3:GetObject", object, "", Denied},
		"no statement":               {"", "s3:GetObject", object, "", NotAllowed},
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

// TestAuthorize has the cases of AWS's documentation of identity and resource
// policies together.
func TestAuthorize(t *testing.T) {
	const (
		own, foreign = "123456789012", "999988887777"
		role         = "arn:aws:iam::123456789012:role/load"
		session      = "arn:aws:sts::123456789012:assumed-role/load/s"
		queue        = "arn:aws:sqs:us-east-1:123456789012:q"
	)
	identity := func(effect string) string {
		return `{"Version":"2012-10-17","Statement":{"Sid":"Send","Effect":"` + effect + `","Action":"sqs:SendMessage","Resource":"` + queue + `"}}`
	}
	resource := func(effect, principal string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"sqs:*","Resource":"*"}}`
	}
	byRole, bySession := Principal{ARNs: []string{session, role}}, resource("Allow", `{"AWS":"`+session+`"}`)
	service := Principal{Service: "s3.amazonaws.com"}
	tests := map[string]struct {
		principal          Principal
		identity, resource string
		mustAllow          bool
		account            string
		want               string
	}{
		"identity":                         {byRole, identity("Allow"), "", false, own, "allowed [i#Send]"},
		"identity denies":                  {byRole, identity("Deny"), resource("Allow", `"*"`), false, own, "denied [i#Send]"},
		"neither":                          {byRole, "", "", false, own, "not allowed []"},
		"resource names the role":          {byRole, "", resource("Allow", `{"AWS":"`+role+`"}`), false, own, "allowed [r#1]"},
		"resource names the session":       {byRole, "", bySession, false, own, "allowed [r#1]"},
		"resource names everyone":          {byRole, "", resource("Allow", `"*"`), false, own, "allowed [r#1]"},
		"resource names the account":       {byRole, "", resource("Allow", `{"AWS":"`+own+`"}`), false, own, "not allowed []"},
		"account and identity":             {byRole, identity("Allow"), resource("Allow", `{"AWS":"arn:aws:iam::`+own+`:root"}`), false, own, "allowed [i#Send r#1]"},
		"resource denies":                  {byRole, identity("Allow"), resource("Deny", `"*"`), false, own, "denied [r#1]"},
		"key, identity only":               {byRole, identity("Allow"), resource("Allow", `{"AWS":"arn:aws:iam::`+own+`:role/other"}`), true, own, "not allowed []"},
		"key, account only":                {byRole, "", resource("Allow", `{"AWS":"`+own+`"}`), true, own, "not allowed []"},
		"key, account and identity":        {byRole, identity("Allow"), resource("Allow", `{"AWS":"`+own+`"}`), true, own, "allowed [i#Send r#1]"},
		"key, role":                        {byRole, "", resource("Allow", `{"AWS":"`+role+`"}`), true, own, "allowed [r#1]"},
		"other account, identity only":     {byRole, identity("Allow"), "", false, foreign, "not allowed []"},
		"other account, resource only":     {byRole, "", resource("Allow", `{"AWS":"`+role+`"}`), false, foreign, "not allowed []"},
		"other account, both":              {byRole, identity("Allow"), resource("Allow", `{"AWS":"`+own+`"}`), false, foreign, "allowed [i#Send r#1]"},
		"service":                          {service, "", resource("Allow", `{"Service":["sns.amazonaws.com","s3.amazonaws.com"]}`), false, own, "allowed [r#1]"},
		"service that is not named":        {service, "", resource("Allow", `{"Service":"sns.amazonaws.com"}`), false, own, "not allowed []"},
		"service is no role":               {service, "", resource("Allow", `{"AWS":"`+role+`"}`), false, own, "not allowed []"},
		"credentials of the whole account": {Principal{ARNs: []string{"arn:aws:iam::" + own + ":root"}, WholeAccount: true}, "", resource("Allow", `{"AWS":"`+role+`"}`), false, own, "allowed [r#1]"},
		"root is not every role":           {Principal{ARNs: []string{"arn:aws:iam::" + own + ":root"}}, "", resource("Allow", `{"AWS":"`+role+`"}`), false, own, "not allowed []"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := Policies{ResourceMustAllow: test.mustAllow, ResourceAccount: test.account}
			if test.identity != "" {
				p.Identity = []Named{{"i", parse(t, Identity, test.identity)}}
			}
			if test.resource != "" {
				p.Resource = &Named{"r", parse(t, Resource, test.resource)}
			}
			result := Authorize(Request{Principal: test.principal, Action: "sqs:SendMessage", Resource: queue}, p)
			if got := fmt.Sprint(result.Decision, " ", result.Statements); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestIdentityAllows(t *testing.T) {
	r := Request{Principal: Principal{ARNs: []string{"arn:aws:iam::1:root"}}, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
	bucket := func(effect string) *Named {
		return &Named{"b", parse(t, Resource, `{"Statement":{"Effect":"`+effect+`","Principal":{"AWS":"1"},"Action":"s3:*","Resource":"*"}}`)}
	}
	for _, test := range []struct {
		policies Policies
		want     Decision
	}{
		{Policies{IdentityAllows: true, ResourceAccount: "1"}, Allowed},
		{Policies{IdentityAllows: true, ResourceAccount: "1", Resource: bucket("Deny")}, Denied},
		{Policies{IdentityAllows: true, ResourceAccount: "2"}, NotAllowed},
		{Policies{IdentityAllows: true, ResourceAccount: "2", Resource: bucket("Allow")}, Allowed},
		{Policies{IdentityAllows: true, ResourceAccount: "1", ResourceMustAllow: true}, NotAllowed},
	} {
		if got := Authorize(r, test.policies).Decision; got != test.want {
			t.Errorf("%+v: %s, want %s", test.policies, got, test.want)
		}
	}
}

func TestHandler(t *testing.T) {
	server := httptest.NewServer(Handler())
	defer server.Close()
	const policies = `"identity":[{"name":"role/load","document":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::b/*\"}}"}]`
	for body, want := range map[string]string{
		`{"principal":{"arns":["arn:aws:iam::1:role/load"]},"action":"s3:GetObject","resource":"arn:aws:s3:::b/k","resourceAccount":"1",` + policies + `}`: `200 {"decision":"allowed","statements":["role/load#1"]}`,
		`{"principal":{"arns":["arn:aws:iam::1:role/load"]},"action":"s3:PutObject","resource":"arn:aws:s3:::b/k","resourceAccount":"1",` + policies + `}`: `200 {"decision":"not allowed","statements":null}`,
		`{"identity":[{"name":"role/load","document":"{\"Statement\":{\"Effect\":\"Maybe\",\"Action\":\"*\",\"Resource\":\"*\"}}"}]}`:                      `400 role/load: policy, statement 1 : the effect "Maybe" is neither Allow nor Deny`,
		`{`: `400 unexpected EOF`,
	} {
		resp, err := http.Post(server.URL, "application/json", strings.NewReader(body)) //nolint:noctx // a test server
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", string(b))); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}
