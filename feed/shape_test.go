package feed_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

func TestShapeValidate(t *testing.T) {
	for want, s := range map[string]feed.Shape{
		"": {},
		`Shape.Operations[0] (): the kind is none of`:                                                          {Operations: []feed.Operation{{}}},
		`Shape.Operations[1] (drop): names no field`:                                                           {Operations: []feed.Operation{feed.JQ("."), feed.Drop()}},
		`Shape.Operations[0] (rename): path "a..b" has an empty key`:                                           {Operations: []feed.Operation{feed.Rename("a", "a..b")}},
		`Shape.Operations[0] (trim): path "a\\b" has a backslash that is before neither a dot nor a backslash`: {Operations: []feed.Operation{feed.Trim(`a\b`)}},
		`Shape.Operations[0] (constant): has no value that JSON can represent`:                                 {Operations: []feed.Operation{feed.Constant("a", make(chan int))}},
		`Shape.Operations[0] (origin): "size" is none of ["source"`:                                            {Operations: []feed.Operation{feed.FromOrigin("a", "size")}},
		`Shape.Operations[0] (number): separator ";;" must be one ASCII character`:                             {Operations: []feed.Operation{feed.NumberWith(";;", "", "a")}},
		`Shape.Operations[0] (number): "." cannot separate both thousands and decimals`:                        {Operations: []feed.Operation{feed.NumberWith("", ".", "a")}},
		`Shape.Operations[0] (timestamp): zone "Berlin" is no name of the IANA time zone database`:             {Operations: []feed.Operation{feed.Timestamp("2006-01-02", "Berlin", "a")}},
		`Shape.Operations[0] (timestamp): zone "Local" is no name`:                                             {Operations: []feed.Operation{feed.Timestamp("2006-01-02", "Local", "a")}},
		`Shape.Operations[0] (timestamp): layout "DD.MM.YYYY" has no date: write how 2 January 2006`:           {Operations: []feed.Operation{feed.Timestamp("DD.MM.YYYY", "", "a")}},
		`Shape.Operations[0] (timestamp): layout "unix" has no zone, "Europe/Berlin" is given`:                 {Operations: []feed.Operation{feed.Timestamp(feed.UnixSeconds, "Europe/Berlin", "a")}},
		`Shape.Operations[0] (keep_where): has no values to compare ["a"] with`:                                {Operations: []feed.Operation{feed.KeepWhere("a")}},
		`Shape.Operations[0] (jq): the program is empty`:                                                       {Operations: []feed.Operation{feed.JQ(" ")}},
		`Shape.HashSecret: "": is required by Hash, and allowed only with it`:                                  {Operations: []feed.Operation{feed.Hash("a")}},
		`Shape.HashSecret: "s": is required by Hash, and allowed only with it`:                                 {HashSecret: "s"},
	} {
		err := s.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("error\n%v, want\n%s", err, want)
		}
	}
}

func TestShapeValidateReportsAllErrors(t *testing.T) {
	err := feed.Shape{Operations: []feed.Operation{feed.Drop(), feed.JQ(""), feed.Hash("a..b")}}.Validate()
	if err == nil || len(strings.Split(err.Error(), "\n")) != 4 {
		t.Errorf("error %v", err)
	}
}

// A shape reaches the functions as JSON.
func TestShapeRoundTrip(t *testing.T) {
	want := feed.Shape{HashSecret: "s", Operations: []feed.Operation{
		feed.Rename("a", "b.c"), feed.Keep("a", "b"), feed.Drop("x"), feed.Constant("c", map[string]any{"d": []int{1}}), feed.FromOrigin("o", feed.OriginFile),
		feed.Default("d", nil), feed.Number("n"), feed.NumberWith(",", ".", "n"), feed.Boolean("b"), feed.Timestamp("2006-01-02", "UTC", "t"), feed.ParseJSON("j"),
		feed.Trim("t"), feed.Upper("u"), feed.Lower("l"), feed.Hash("h"), feed.KeepWhere("k", "1"), feed.DropWhere("k", "2"), feed.JQ("select(.a)"),
	}}
	if err := want.Validate(); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got feed.Shape
	if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, %v", b, got, err)
	}
}
