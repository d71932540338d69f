package feed_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

func TestSplitPath(t *testing.T) {
	for path, want := range map[string][]string{
		"id": {"id"}, "customer.id": {"customer", "id"}, `price\.net`: {"price.net"}, `a\\.b`: {`a\`, "b"},
		"": nil, "a..b": nil, ".a": nil, "a.": nil, `a\b`: nil, `a\`: nil,
	} {
		if got, err := feed.SplitPath(path); !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("SplitPath(%q) = %q, %v", path, got, err)
		}
	}
}

func TestValidateRecordKey(t *testing.T) {
	long := strings.Repeat("x", 400)
	for name, test := range map[string]struct {
		key  feed.RecordKey
		want string // empty: valid
	}{
		"a field":          {feed.RecordKey{Fields: []string{"id"}}, ""},
		"several":          {feed.RecordKey{Fields: []string{"region", "customer.id"}, Name: "Customer_v2.1-x", Optional: true}, ""},
		"none":             {feed.RecordKey{}, "RecordKey.Fields: has 0 fields, 1 to 8 are allowed"},
		"too many":         {feed.RecordKey{Fields: strings.Split("a,b,c,d,e,f,g,h,i", ",")}, "has 9 fields"},
		"an empty path":    {feed.RecordKey{Fields: []string{"a..b"}}, "has an empty key"},
		"twice":            {feed.RecordKey{Fields: []string{"a", "a"}}, `"a" is given twice`},
		"a number sign":    {feed.RecordKey{Fields: []string{"a"}, Name: "a#b"}, `"a#b" may have letters`},
		"a slash":          {feed.RecordKey{Fields: []string{"a"}, Name: "orders/a"}, `may have letters`},
		"a long name":      {feed.RecordKey{Fields: []string{"a"}, Name: strings.Repeat("n", 61)}, "has 61 characters, the limit is 60"},
		"long paths":       {feed.RecordKey{Fields: []string{long + "a", long + "b", long + "c"}}, "give the key a name"},
		"long paths named": {feed.RecordKey{Fields: []string{long + "a", long + "b", long + "c"}, Name: "n"}, ""},
	} {
		s := valid()
		s.RecordKey = &test.key
		err := s.Validate()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if err == nil {
			s.Sources = []feed.Source{{Kind: feed.OwnBucket}}
			env, err := s.Env()
			if err != nil {
				t.Fatal(err)
			}
			read, err := feed.FromEnv(func(string) string { return env })
			if err != nil || !slices.Equal(read.RecordKey.Fields, test.key.Fields) || read.RecordKey.Name != test.key.Name || read.RecordKey.Optional != test.key.Optional {
				t.Errorf("%s: from the environment: %+v, %v", name, read.RecordKey, err)
			}
		}
	}
	s := valid()
	s.RecordKey, s.NoTable = &feed.RecordKey{Fields: []string{"a"}}, true
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "RecordKey: is of the table") {
		t.Errorf("with NoTable: %v", err)
	}
}
