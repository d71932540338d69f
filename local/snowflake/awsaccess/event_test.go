package awsaccess

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestParseEvents(t *testing.T) {
	record := func(name, key string) string {
		return `{"eventName":"` + name + `","eventTime":"2026-03-01T12:00:00.000Z","s3":{"bucket":{"name":"b"},"object":{"key":"` + key + `","size":3,"eTag":"e","versionId":"v","sequencer":"0A"}}}`
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		kind, message string
		want          []Event
		fails         string
	}{
		"created": {
			"Notification", `{"Records":[` + record("ObjectCreated:Put", "a+b%2Bc/%C3%A4") + `]}`,
			[]Event{{Bucket: "b", Key: "a b+c/ä", Size: 3, ETag: "e", VersionID: "v", Sequencer: "0A", Time: at}},
			"",
		},
		"removed and restored": {
			"Notification", `{"Records":[` + record("ObjectRemoved:DeleteMarkerCreated", "k") + `,` + record("ObjectRestore:Post", "k") + `]}`,
			[]Event{{Removed: true, Bucket: "b", Key: "k", Size: 3, ETag: "e", VersionID: "v", Sequencer: "0A", Time: at}},
			"",
		},
		"by EventBridge": {
			"Notification", `{"source":"aws.s3","detail-type":"Object Created","time":"2026-03-01T12:00:00Z","detail":{"bucket":{"name":"b"},"object":{"key":"a+b ä","size":3,"etag":"e","version-id":"v","sequencer":"0A"}}}`,
			[]Event{{Bucket: "b", Key: "a+b ä", Size: 3, ETag: "e", VersionID: "v", Sequencer: "0A", Time: at}},
			"",
		},
		"removed, by EventBridge": {
			"Notification", `{"source":"aws.s3","detail-type":"Object Deleted","time":"2026-03-01T12:00:00Z","detail":{"bucket":{"name":"b"},"object":{"key":"k"}}}`,
			[]Event{{Removed: true, Bucket: "b", Key: "k", Time: at}},
			"",
		},
		"tagged, by EventBridge": {"Notification", `{"source":"aws.s3","detail-type":"Object Tags Added"}`, nil, ""},
		"nothing of a bridge":    {"Notification", `{"source":"aws.s3","detail-type":"Object Created"}`, nil, "not an object"},
		"test event":             {"Notification", `{"Service":"Amazon S3","Event":"s3:TestEvent"}`, nil, ""},
		"no records":             {"Notification", `{}`, nil, "no Records"},
		"no JSON":                {"Notification", `hello`, nil, "notification"},
		"other message":          {"SubscriptionConfirmation", `{}`, nil, "SubscriptionConfirmation"},
		"broken key":             {"Notification", `{"Records":[` + record("ObjectCreated:Put", "%zz") + `]}`, nil, "%zz"},
		"no key":                 {"Notification", `{"Records":[` + record("ObjectCreated:Put", "") + `]}`, nil, "not an object"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(map[string]string{"Type": test.kind, "Message": test.message})
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseEvents(string(body))
			if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("error %v, want %q", err, test.fails)
			}
			if len(got) != len(test.want) {
				t.Fatalf("events %v, want %v", got, test.want)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Errorf("event %v, want %v", got[i], test.want[i])
				}
			}
		})
	}
}

func TestAllows(t *testing.T) {
	i := Integration{Name: "I", Enabled: true, AllowedLocations: []string{"s3://b/a/", "s3://c/"}, BlockedLocations: []string{"s3://c/secret/"}}
	tests := []struct {
		url string
		off bool
		all bool
		ok  bool
	}{
		{url: "s3://b/a/", ok: true},
		{url: "s3://b/a/x.gz", ok: true},
		{url: "s3://b/ab/"},
		{url: "s3://b/"},
		{url: "s3://c/x/", ok: true},
		{url: "s3://c/secret/x"},
		{url: "s3gov://b/a/"},
		{url: "s3://z/", all: true, ok: true},
		{url: "s3://c/secret/", all: true},
		{url: "s3://b/a/", off: true},
	}
	for _, test := range tests {
		i := i
		i.Enabled = !test.off
		if test.all {
			i.AllowedLocations = []string{"*"}
		}
		if err := i.Allows(test.url); (err == nil) != test.ok {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

func TestParseLocation(t *testing.T) {
	for url, want := range map[string]Location{
		"s3://b":          {"b", ""},
		"s3://b/":         {"b", ""},
		"s3gov://b/p/":    {"b", "p/"},
		"s3china://b/p/q": {"b", "p/q"},
	} {
		if got, err := ParseLocation(url); err != nil || got != want {
			t.Errorf("%s: %v, %v", url, got, err)
		}
	}
	for _, url := range []string{"", "b/p", "gcs://b/", "s3://", "s3:///p"} {
		if got, err := ParseLocation(url); err == nil {
			t.Errorf("%q was parsed as %v", url, got)
		}
	}
}
