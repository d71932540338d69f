package policy

import (
	"regexp"
	"strings"
	"testing"
)

func TestResourcePatterns(t *testing.T) {
	values := newContext(map[string][]string{"aws:PrincipalAccount": {"123456789012"}, "aws:userid": {"a*"}, "aws:TagKeys": {"x", "y"}})
	for _, test := range []struct {
		pattern, resource string
		want              bool
	}{
		{"*", "anything", true},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b", true},
		{"arn:aws:s3:::b/?", "arn:aws:s3:::b/é", true},
		{"arn:aws:s3:::b/?", "arn:aws:s3:::b/ab", false},
		{"arn:aws:s3:::b/a*", "arn:aws:s3:::b/A", false},
		{"arn:aws:lambda:*:*:function:f:*", "arn:aws:lambda:us-east-1:1:function:f:live", true},
		{"arn:*:f", "arn:aws:lambda:us-east-1:1:function:f", false}, // a wildcard stays within its part
		{"arn:aws:sqs", "arn:aws:sqs:us-east-1:1:q", true},          // missing parts stand for *
		{"arn:aws:sns", "arn:aws:sqs:us-east-1:1:q", false},
		{"arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", true},
		{"arn:aws:s3:::b/${*}", "arn:aws:s3:::b/a", false},
		{"arn:aws:s3:::b/${?}${$}", "arn:aws:s3:::b/?$", true},
		{"arn:aws:s3:::b/${aws:principalaccount}/*", "arn:aws:s3:::b/123456789012/k", true},
		{"arn:aws:s3:::b/${aws:PrincipalAccount}/*", "arn:aws:s3:::b/1/k", false},
		{"arn:aws:s3:::b/${aws:userid}", "arn:aws:s3:::b/a*", true},
		{"arn:aws:s3:::b/${aws:userid}", "arn:aws:s3:::b/ab", false}, // * of a value is literal
		{"arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::b/", false}, // without a value it matches nothing
		{"arn:aws:s3:::b/${aws:username, 'none'}", "arn:aws:s3:::b/none", true},
		{"arn:aws:s3:::b/${aws:TagKeys}", "arn:aws:s3:::b/x", false}, // several values
	} {
		p, err := parseTemplate(test.pattern, true)
		if err != nil {
			t.Fatal(err)
		}
		if got := matchAny([]template{p}, values, test.resource, pattern.matchesResource); got != test.want {
			t.Errorf("%s matches %s: %t, want %t", test.pattern, test.resource, got, test.want)
		}
	}
	old, err := parseTemplate("arn:aws:s3:::b/${aws:userid}", false)
	if err != nil {
		t.Fatal(err)
	}
	if !matchAny([]template{old}, values, "arn:aws:s3:::b/${aws:userid}", pattern.matchesResource) {
		t.Error("a policy of version 2008-10-17 has no variables: ${ is literal")
	}
}

// FuzzMatches compares the matching of wildcards with that of regular expressions.
func FuzzMatches(f *testing.F) {
	for _, seed := range [][2]string{
		{"*", ""}, {"a*b*c", "aXbXbc"}, {"?", "é"}, {"**a", "aa"}, {"a?*", "a"}, {"*.gz*", "x.gz.gz"}, {"a\n*", "a\n\n"}, {"[a]+", "[a]+"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, p, s string) {
		quoted := regexp.QuoteMeta(strings.ToValidUTF8(p, "\ufffd"))
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted)
		p, s = strings.ToValidUTF8(p, "\ufffd"), strings.ToValidUTF8(s, "\ufffd")
		want := regexp.MustCompile(`(?s)\A(?:` + expression + `)\z`).MatchString(s)
		if got := wildcards(p).matches(s); got != want {
			t.Errorf("%q matches %q: %t, a regular expression says %t", p, s, got, want)
		}
	})
}

// FuzzParse parses arbitrary documents, which must not panic.
func FuzzParse(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:userid, 'x'}"}]}`)
	f.Add(`{"Statement":{"Effect":"Deny","NotAction":["a:b"],"NotResource":"*","Condition":{"ForAnyValue:StringLike":{"k":[true,1,"${*}"]}}}}`)
	f.Fuzz(func(_ *testing.T, document string) {
		for _, kind := range []Kind{Identity, Trust, Resource} {
			d, err := Parse(kind, document)
			if err == nil {
				Evaluate(Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: map[string][]string{"k": {"v"}}}, d)
			}
		}
	})
}
