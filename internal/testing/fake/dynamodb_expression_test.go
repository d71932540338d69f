package fake

import (
	"encoding/json"
	"testing"
)

func wire(t *testing.T, text string) Item {
	t.Helper()
	var it Item
	if err := json.Unmarshal([]byte(text), &it); err != nil {
		t.Fatal(err)
	}
	return it
}

func TestConditions(t *testing.T) {
	item := wire(t, `{"pk":{"S":"p"},"state":{"S":"loaded"},"n":{"N":"10"},"flag":{"BOOL":true}}`)
	e := expressions{
		names:  map[string]string{"#0": "state", "#1": "n", "#2": "none"},
		values: wire(t, `{":0":{"S":"loaded"},":1":{"N":"9"},":2":{"N":"11"},":3":{"S":"lo"},":4":{"BOOL":true}}`),
	}
	tests := map[string]bool{
		"":                                      true,
		"#0 = :0":                               true,
		"(#0 = :0) AND (#1 BETWEEN :1 AND :2)":  true,
		"#0 = :0 AND #1 > :2":                   false,
		"#1 > :2 OR #1 >= :1":                   true, // as numbers: as text, 10 is less than 9
		"NOT #0 = :0":                           false,
		"#0 <> :1":                              true, // another type
		"#2 = :0":                               false,
		"#2 <> :0":                              true,
		"attribute_exists(#0)":                  true,
		"attribute_not_exists (#2) AND flag=:4": true,
		"attribute_exists(#2)":                  false,
		"begins_with(#0, :3)":                   true,
		"begins_with (#2, :3)":                  false,
		"#0 IN (:3, :0)":                        true,
	}
	for condition, want := range tests {
		if got, err := e.matches(condition, item); got != want || err != nil {
			t.Errorf("%s = %v, %v; want %v", condition, got, err, want)
		}
	}
	if ok, err := e.matches("attribute_not_exists(pk)", nil); !ok || err != nil {
		t.Errorf("an item that does not exist has a key: %v", err)
	}
	for _, condition := range []string{"#0", "#0 = ", "#9 = :0", "#0 = :9", "#0 = :0 AND", "(#0 = :0", "size(#0) > :1", "#0 = :0 #1", "#0.x = :0"} {
		if ok, err := e.matches(condition, item); err == nil {
			t.Errorf("the invalid condition %q is %v", condition, ok)
		}
	}
}

func TestUpdates(t *testing.T) {
	e := expressions{
		names:  map[string]string{"#0": "state", "#1": "n", "#2": "none"},
		values: wire(t, `{":0":{"S":"new"},":1":{"N":"3"}}`),
	}
	old := wire(t, `{"pk":{"S":"p"},"state":{"S":"old"},"n":{"N":"10"}}`)
	tests := map[string]string{
		"SET #0 = :0, #2 = #0": `{"n":{"N":"10"},"none":{"S":"old"},"pk":{"S":"p"},"state":{"S":"new"}}`,
		"SET #0 = if_not_exists(#0, :0), #2 = if_not_exists (#2, :0)": `{"n":{"N":"10"},"none":{"S":"new"},"pk":{"S":"p"},"state":{"S":"old"}}`,
		"ADD #1 :1, #2 :1\nREMOVE #0\n":                               `{"n":{"N":"13"},"none":{"N":"3"},"pk":{"S":"p"}}`,
		"SET #1 = #1 - :1":                                            `{"n":{"N":"7"},"pk":{"S":"p"},"state":{"S":"old"}}`,
	}
	for update, want := range tests {
		it, err := e.apply(update, old, nil)
		got, _ := json.Marshal(it)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", update, got, err, want)
		}
	}
	for _, update := range []string{"SET #0 = #2", "ADD #0 :1", "ADD #1 :0", "DELETE #0 :0", "SET #0 :0", "#0 = :0"} {
		if it, err := e.apply(update, old, nil); err == nil {
			t.Errorf("the invalid update %q makes %v", update, it)
		}
	}
}
