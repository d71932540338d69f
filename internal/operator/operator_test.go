package operator_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/testing/fake"
	"example.com/ingestion/snowflake"
)

// outputs returns the outputs of a feed.
func outputs(id, feedName string, more ...string) map[string]string {
	m := map[string]string{
		id + "Feed": feedName, id + "LandingPrefix": "landing/" + feedName + "/", id + "SourceBucket": "source-of-" + feedName,
	}
	for i := 0; i < len(more); i += 2 {
		m[id+more[i]] = more[i+1]
	}
	return m
}

func deployed() *fake.CloudFormation {
	both := outputs("A", "alpha")
	for key, value := range outputs("AB", "beta") {
		both[key] = value
	}
	return &fake.CloudFormation{Stacks: []fake.Stack{
		{Name: "Empty"},
		{Name: "News", Outputs: map[string]string{"NewsFeed": "https://example.com/rss", "NewsLandingPrefix": "landing/"}},
		{Name: "Orders", Outputs: outputs("Orders", "orders")},
		{Name: "Both", Outputs: both},
		{Name: "staging-Orders", Outputs: outputs("Orders", "orders")},
		{Name: "alpha", Outputs: outputs("X", "gamma")},
	}}
}

func TestFind(t *testing.T) {
	tests := map[string]struct {
		want string // a feed, or else a part of the error
		err  error
	}{
		"Orders":                {want: "Orders/orders"},
		"staging-Orders":        {want: "staging-Orders/orders"},
		"beta":                  {want: "Both/beta"},
		"gamma":                 {want: "alpha/gamma"},
		"Both/alpha":            {want: "Both/alpha"},
		"staging-Orders/orders": {want: "staging-Orders/orders"},
		"orders":                {want: `"orders": use one of Orders/orders, staging-Orders/orders`, err: operator.ErrAmbiguous},
		"Both":                  {want: `"Both": use one of Both/alpha, Both/beta`, err: operator.ErrAmbiguous},
		"alpha":                 {want: `use one of Both/alpha, alpha/gamma`, err: operator.ErrAmbiguous},
		"ORDERS":                {want: `"ORDERS": this account and region has Both/alpha, Both/beta, Orders/orders, alpha/gamma, staging-Orders/orders`, err: operator.ErrNotFound},
		"News":                  {want: "no such feed", err: operator.ErrNotFound},
		"https://example.com/rss": {
			want: "no such feed", err: operator.ErrNotFound,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := operator.Find(t.Context(), deployed(), name)
			switch {
			case test.err == nil:
				if err != nil || f.String() != test.want {
					t.Errorf("found %s, %v; want %s", f, err, test.want)
				}
			case !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.want):
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	_, err := operator.Find(t.Context(), &fake.CloudFormation{}, "orders")
	if !errors.Is(err, operator.ErrNotFound) || !strings.Contains(err.Error(), "is it the right --profile and --region?") {
		t.Errorf("without stacks: %v", err)
	}
}

func TestOutputsOfTwoFeedsInOneStack(t *testing.T) {
	for name, want := range map[string]string{"Both/alpha": "source-of-alpha", "Both/beta": "source-of-beta"} {
		f, err := operator.Find(t.Context(), deployed(), name)
		if err != nil || f.Output("SourceBucket") != want || f.Output("None") != "" {
			t.Errorf("%s: %v, output %q", name, err, f.Output("SourceBucket"))
		}
	}
}

func TestStatic(t *testing.T) {
	const of = `{"Spec":{"feed":"orders","landingPrefix":"landing/"},"Snowflake":{"feed":"orders","table":"T","stream":"true"}}`
	tests := map[string]struct{ template, err string }{
		"the feed's":       {`{"Metadata":{"Ingestion":{"other":{},"my-Orders":` + of + `}},"Resources":{}}`, ""},
		"not JSON":         {`Metadata: {}`, `the template of stack Orders: invalid character`},
		"without metadata": {`{"Resources":{}}`, `has Metadata.Ingestion for [] only, not for myOrders: deploy it again`},
		"of another":       {`{"Metadata":{"Ingestion":{"x":` + of + `}}}`, `for ["x"] only`},
		"renamed":          {`{"Metadata":{"Ingestion":{"myOrders":{"Spec":{"feed":"returns"}}}}}`, `describes feed "returns"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			api := &fake.CloudFormation{Stacks: []fake.Stack{{Name: "Orders", Outputs: outputs("myOrders", "orders"), Template: test.template}}}
			f, err := operator.Find(t.Context(), api, "orders")
			if err != nil {
				t.Fatal(err)
			}
			s, err := f.Static(t.Context(), api)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || !strings.HasPrefix(err.Error(), `feed "orders": `) {
					t.Errorf("error %v, want %q", err, test.err)
				}
				return
			}
			if err != nil || s.Spec.LandingPrefix != "landing/" || s.Snowflake == nil || s.Snowflake.Table != "T" || !s.Snowflake.Stream {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

func TestSnowflakeNames(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/r"
	find := func(more ...string) operator.Feed {
		api := &fake.CloudFormation{Stacks: []fake.Stack{{Name: "Orders", Outputs: outputs("Orders", "orders", more...)}}}
		f, err := operator.Find(t.Context(), api, "orders")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	got, err := find("SnowflakeOwner", "o", "SnowflakeBucket", "b", "SnowflakeRoleArn", role, "SnowflakeTopic", "t").SnowflakeNames()
	if want := (snowflake.Names{Owner: "o", Bucket: "b", RoleARN: role, TopicARN: "t"}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := find("SnowflakeRoleArn", role).SnowflakeNames(); err == nil ||
		!strings.Contains(err.Error(), "has no output OrdersSnowflakeOwner, OrdersSnowflakeBucket: deploy it again") {
		t.Errorf("error %v", err)
	}
	if _, err := find("SnowflakeOwner", "o", "SnowflakeBucket", "b", "SnowflakeRoleArn", role).SnowflakeNames(); err != nil {
		t.Errorf("a bulk load has no topic: %v", err)
	}
}

func TestFindReportsErrorsOfAWS(t *testing.T) {
	for code, want := range map[string]string{
		"AccessDenied": "allow these credentials cloudformation:DescribeStacks",
		"Throttling":   "list the stacks: api error Throttling",
	} {
		api := &fake.CloudFormation{Err: &smithy.GenericAPIError{Code: code, Message: "m"}}
		if _, err := operator.Find(t.Context(), api, "orders"); !errors.Is(err, api.Err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", code, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := operator.Find(ctx, deployed(), "orders"); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancellation: %v", err)
	}
}
