package eventpattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestMatches(t *testing.T) {
	var event any
	const text = `{"eventName":"INSERT","size":2,"on":true,"dynamodb":{"Keys":{"pk":{"S":"orders#1"}},"NewImage":{"tags":{"SS":["a","b"]},"none":{"NULL":null}}},"key":"in/a*b\\c.json"}`
	if err := json.Unmarshal([]byte(text), &event); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]bool{
		`{"eventName":["INSERT","MODIFY"]}`: true,
		`{"eventName":["REMOVE"]}`:          false,
		`{"eventName":["insert"]}`:          false,
		`{"size":[2.0]}`:                    true,
		`{"size":["2"]}`:                    false,
		`{"on":[true]}`:                     true,
		`{"on":[1]}`:                        false,
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
		`{"dynamodb":{"NewImage":{"deleted":{"S":[null]}}}}`:                                               false,
		`{"dynamodb":{"OldImage":{"any":{"S":["x"]}}}}`:                                                    false,
		`{"dynamodb":{"Keys":{"pk":{"S":[{"exists":true}]}},"NewImage":{"tags":{"SS":[{"prefix":"z"}]}}}}`: false,
	} {
		for _, language := range []Language{EventBridge, Lambda} {
			p, err := Parse(pattern, language)
			if err != nil {
				t.Errorf("%s: %v", pattern, err)
				continue
			}
			if got := p.Matches(event); got != want {
				t.Errorf("%s in %s: %v, want %v", pattern, language, got, want)
			}
		}
	}
	for pattern, want := range map[string]bool{
		`{"key":[{"wildcard":"in/*.json"}]}`:                            true,
		`{"key":[{"wildcard":"in/*.csv"}]}`:                             false,
		`{"key":[{"wildcard":"in/a\\*b\\\\c.json"}]}`:                   true,
		`{"key":[{"wildcard":"in/a\\*"}]}`:                              false,
		`{"key":[{"prefix":{"equals-ignore-case":"IN/"}}]}`:             true,
		`{"key":[{"suffix":{"equals-ignore-case":".JSON"}}]}`:           true,
		`{"key":[{"anything-but":{"suffix":[".csv",".json"]}}]}`:        false,
		`{"key":[{"anything-but":{"wildcard":"out/*"}}]}`:               true,
		`{"key":[{"anything-but":{"equals-ignore-case":["IN","in"]}}]}`: true,
	} {
		p, err := Parse(pattern, EventBridge)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got := p.Matches(event); got != want {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
}

func TestUnsupportedPatternsAreErrors(t *testing.T) {
	for pattern, want := range map[string]string{
		`{"dynamodb":{"NewImage":{"n":{"N":[{"numeric":[">",1]}]}}}}`: "numeric",
		`{"a":"b"}`:                                   "leaves of a pattern are arrays",
		`{"a":[]}`:                                    "at least one member",
		`{"a":[["b"]]}`:                               "neither a value nor a comparison",
		`{"$or":[{"a":["b"]}]}`:                       "$or",
		`{"a":[{"prefix":"x","suffix":"y"}]}`:         "exactly one operator",
		`{"a":[{"prefix":1}]}`:                        "not supported",
		`{"a":[{"exists":"true"}]}`:                   "not supported",
		`{"a":[{"anything-but":{"cidr":"x"}}]}`:       "not supported",
		`{"a":[{"anything-but":{"anything-but":1}}]}`: "not supported",
		`{}`:       "at least one member",
		`["a"]`:    "at least one member",
		`nonsense`: "event pattern nonsense",
	} {
		for _, language := range []Language{EventBridge, Lambda} {
			if _, err := Parse(pattern, language); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s in %s: %v, want an error that contains %q", pattern, language, err, want)
			}
		}
	}
	for _, pattern := range []string{`{"a":[{"wildcard":"*"}]}`, `{"a":[{"anything-but":{"suffix":"x"}}]}`, `{"a":[{"prefix":{"equals-ignore-case":"x"}}]}`} {
		if _, err := Parse(pattern, Lambda); err == nil || !strings.Contains(err.Error(), "not supported") {
			t.Errorf("%s in Lambda: %v", pattern, err)
		}
	}
	for _, pattern := range []string{`a**b`, `a\\b`, `a\\`} {
		if _, err := Parse(`{"a":[{"wildcard":"`+pattern+`"}]}`, EventBridge); err == nil || !strings.Contains(err.Error(), "wildcard") {
			t.Errorf("wildcard %s: %v", pattern, err)
		}
	}
}

func TestHandler(t *testing.T) {
	server := httptest.NewServer(Handler())
	defer server.Close()
	for body, want := range map[string]string{
		`{"pattern":"{\"a\":[1]}","language":"eventbridge","event":{"a":1}}`: `200 {"matches":true}`,
		`{"pattern":"{\"a\":[1]}","language":"eventbridge","event":{"a":2}}`: `200 {"matches":false}`,
		`{"pattern":"{\"a\":[1]}","language":"lambda"}`:                      `200 {"matches":false}`,
		`{"pattern":"{\"a\":1}","language":"lambda"}`:                        `400 event pattern {"a":1}: a: the leaves of a pattern are arrays, not 1`,
		`{"pattern":"{\"a\":[1]}"}`:                                          `400 the language "" is neither eventbridge nor lambda`,
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
