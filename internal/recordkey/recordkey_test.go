package recordkey_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/recordkey"
)

func finder(t testing.TB, key feed.RecordKey) *recordkey.Finder {
	t.Helper()
	f, err := recordkey.New("orders", key)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A value has one key however it is written.
func TestFind(t *testing.T) {
	f := finder(t, feed.RecordKey{Fields: []string{"a.id"}})
	for data, want := range map[string]string{
		`{"a":{"id":"x"}}`: "x",
		` { "b" : [ { "a" : "}" } , "\"" ] , "a" : { "c" : -1.5e3 , "id" : "x" } } `: "x",
		`{"a":{"\u0069d":"\u0041\u00e9"}}`:                                           "Aé",
		`{"a":{"id":"a\\\"b"}}`:                                                      `a\"b`,
		`{"z":"\\","a":{"id":"x#y"}}`:                                                "x#y",
		`{"a":{"id":4711}}`:                                                          "4711",
		`{"a":{"id":4711.0}}`:                                                        "4711",
		`{"a":{"id":4.711E+3}}`:                                                      "4711",
		`{"a":{"id":47110e-1}}`:                                                      "4711",
		`{"a":{"id":100}}`:                                                           "100",
		`{"a":{"id":1e2}}`:                                                           "100",
		`{"a":{"id":-0.0}}`:                                                          "0",
		`{"a":{"id":0}}`:                                                             "0",
		`{"a":{"id":0e99999}}`:                                                       "0",
		`{"a":{"id":-12.50}}`:                                                        "-12.5",
		`{"a":{"id":1.5e-3}}`:                                                        "0.0015",
		`{"a":{"id":12345678901234567890123.45}}`:                                    "12345678901234567890123.45",
		`{"a":{"id":true}}`:                                                          "true",
		`{"a":{"id":"0047"}}`:                                                        "0047",
		`{"a":{"id":" "}}`:                                                           " ",
	} {
		got, err := f.Find([]byte(data))
		if err != nil || string(got) != "orders/a.id#"+want {
			t.Errorf("%s: key %q, %v, want %q", data, got, err, want)
		}
	}
}

func TestFindWithoutKey(t *testing.T) {
	f := finder(t, feed.RecordKey{Fields: []string{"a.id"}})
	for data, want := range map[string]error{
		`{}`: recordkey.ErrMissing, `{"a":{}}`: recordkey.ErrMissing, `{"a":{"id":null}}`: recordkey.ErrMissing,
		`{"a":{"id":""}}`: recordkey.ErrMissing, `{"a":1}`: recordkey.ErrMissing, `{"id":1}`: recordkey.ErrMissing, `[1]`: recordkey.ErrMissing, `7`: recordkey.ErrMissing,
		`{"a":[{"id":1}]}`: recordkey.ErrMissing, `{"a":{"b":{"id":1}}}`: recordkey.ErrMissing,
		`{"a":{"id":{}}}`: recordkey.ErrInvalid, `{"a":{"id":[1]}}`: recordkey.ErrInvalid, `{"a":{"id":1e99999}}`: recordkey.ErrInvalid, `{"a":{"id":1e99999999999}}`: recordkey.ErrInvalid,
	} {
		if got, err := f.Find([]byte(data)); !errors.Is(err, want) || !strings.Contains(err.Error(), `"a.id"`) {
			t.Errorf("%s: key %q, error %v, want %v", data, got, err, want)
		}
	}
}

// DynamoDB takes partition keys of 2048 bytes, not characters.
func TestLongestKey(t *testing.T) {
	f := finder(t, feed.RecordKey{Fields: []string{"id"}})
	const prefix = "orders/id#"
	for value, fits := range map[string]bool{
		strings.Repeat("x", feed.MaxKeyBytes-len(prefix)):           true,
		strings.Repeat("x", feed.MaxKeyBytes-len(prefix)+1):         false,
		strings.Repeat("é", (feed.MaxKeyBytes-len(prefix))/2):       true,
		strings.Repeat("é", (feed.MaxKeyBytes-len(prefix))/2) + "x": false,
	} {
		_, err := f.Find([]byte(`{"id":"` + value + `"}`))
		if fits != (err == nil) || err != nil && !errors.Is(err, recordkey.ErrInvalid) {
			t.Errorf("%d bytes: %v", len(value), err)
		}
	}
}

// What a record's key is, and what a program asks for, are the same text; different values
// have different keys.
func TestKeyOfSeveralFields(t *testing.T) {
	key := feed.RecordKey{Name: "customer", Fields: []string{"region", "id"}}
	f := finder(t, key)
	seen := map[string][]string{}
	for _, values := range [][]string{{"eu", "4711"}, {"eu#", "4711"}, {"eu", "#4711"}, {`eu\`, "#4711"}, {`eu\#`, "4711"}, {`eu\`, "4711"}, {"e", "u#4711"}} {
		data, err := json.Marshal(map[string]string{"region": values[0], "id": values[1]})
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Find(data)
		if err != nil {
			t.Fatal(err)
		}
		want, err := key.Partition("orders", values...)
		if err != nil || string(got) != want {
			t.Errorf("%q: key %q, want %q, %v", values, got, want, err)
		}
		if again, err := f.Values(data); err != nil || !slices.Equal(again, values) {
			t.Errorf("values %q, %v, want %q", again, err, values)
		}
		if seen[want] != nil {
			t.Errorf("%q and %q have one key %q", values, seen[want], want)
		}
		seen[want] = values
	}
	if got, _ := f.Find([]byte(`{"id":4711,"region":"eu"}`)); string(got) != "customer#eu#4711" {
		t.Errorf("key %q", got)
	}
}

func FuzzFind(f *testing.F) {
	f.Add(`{"a":{"id":"x"},"b":[1,{"id":"\\"}]}`)
	f.Add(`{"a":{"id":1e5}}`)
	f.Fuzz(func(t *testing.T, data string) {
		key := finder(t, feed.RecordKey{Fields: []string{"a.id"}})
		got, err := key.Find([]byte(data))
		if !json.Valid([]byte(data)) {
			return // it must only not panic
		}
		var v any
		_ = json.Unmarshal([]byte(data), &v) // an object or not
		a, _ := v.(map[string]any)
		inner, _ := a["a"].(map[string]any)
		if want, ok := inner["id"].(string); ok && want != "" && len(want) < 1000 && strings.Count(data, "id") == 1 && strings.Count(data, `"a"`) == 1 {
			if err != nil || string(got) != "orders/a.id#"+want {
				t.Errorf("%s: %q, %v", data, got, err)
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	f := finder(b, feed.RecordKey{Fields: []string{"customer.id"}})
	data := []byte(`{"order":"A-1000234","placed":"2026-03-05T00:30:00Z","lines":[{"sku":"B00X","n":2,"price":12.50},{"sku":"B00Y","n":1,"price":7}],"customer":{"name":"A. \"Q\" Person","id":4711},"note":"` + strings.Repeat("text ", 60) + `"}`)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := f.Find(data); err != nil {
			b.Fatal(err)
		}
	}
}
