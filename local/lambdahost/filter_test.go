package lambdahost

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestFilter(t *testing.T) {
	record := decode(t, `{"eventName":"INSERT","dynamodb":{"Keys":{"pk":{"S":"orders#1"}},"NewImage":{"tags":{"SS":["a","b"]},"none":{"NULL":null}}}}`)
	for pattern, want := range map[string]bool{
		`{"eventName":["INSERT","MODIFY"]}`:                                                                true,
		`{"eventName":["REMOVE"]}`:                                                                         false,
		`{"eventName":["INSERT"],"dynamodb":{"Keys":{"pk":{"S":["other"]}}}}`:                              false,
		`{"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"orders#"}]}}}}`:                                        true,
		`{"dynamodb":{"Keys":{"pk":{"S":["x",{"suffix":"#1"}]}}}}`:                                         true,
		`{"dynamodb":{"Keys":{"pk":{"S":[{"equals-ignore-case":"ORDERS#1"}]}}}}`:                           true,
		`{"dynamodb":{"Keys":{"pk":{"S":[{"anything-but":"orders#1"}]}}}}`:                                 false,
		`{"dynamodb":{"Keys":{"pk":{"S":[{"anything-but":["a","b"]}]}}}}`:                                  true,
		`{"dynamodb":{"Keys":{"pk":{"S":[{"anything-but":{"prefix":"orders"}}]}}}}`:                        false,
		`{"dynamodb":{"NewImage":{"tags":{"SS":["b"]}}}}`:                                                  true,
		`{"dynamodb":{"NewImage":{"none":{"NULL":[null]}}}}`:                                               true,
		`{"dynamodb":{"NewImage":{"deleted":{"S":[{"exists":false}]}}}}`:                                   true,
		`{"dynamodb":{"NewImage":{"deleted":{"S":[{"exists":true}]}}}}`:                                    false,
		`{"dynamodb":{"NewImage":{"deleted":{"S":[{"anything-but":"x"}]}}}}`:                               false,
		`{"dynamodb":{"OldImage":{"any":{"S":["x"]}}}}`:                                                    false,
		`{"dynamodb":{"Keys":{"pk":{"S":[{"exists":true}]}},"NewImage":{"tags":{"SS":[{"prefix":"z"}]}}}}`: false,
	} {
		f, err := parseFilters(patterns(t, pattern))
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got, err := f.matches(record); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", pattern, got, err, want)
		}
	}
	either, err := parseFilters(patterns(t, `{"eventName":["REMOVE"]}`, `{"eventName":["INSERT"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := either.matches(record); err != nil || !ok {
		t.Errorf("two patterns, of which one matches: %v, %v", ok, err)
	}
}

func patterns(t *testing.T, texts ...string) string {
	t.Helper()
	b, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestUnknownComparisonsAreRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		`{"dynamodb":{"NewImage":{"n":{"N":[{"numeric":[">",1]}]}}}}`: "numeric",
		`{"eventName":["x"],"a":[{"wildcard":"*"}]}`:                  "wildcard",
		`{"a":[1]}`:                               "texts and null only",
		`{"a":"b"}`:                               "leaves are arrays",
		`{"a":[{"prefix":"x","suffix":"y"}]}`:     "exactly one operator",
		`{"a":[{"anything-but":{"suffix":"x"}}]}`: "anything-but",
		`{"a":[{"anything-but":[1]}]}`:            "texts only",
		`nonsense`:                                "filter pattern",
	} {
		if _, err := parseFilters(patterns(t, pattern)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that says %q", pattern, err, want)
		}
	}
}
