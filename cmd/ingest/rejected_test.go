package main

import (
	"fmt"
	"testing"
	"time"
)

// withRejected is an account whose feed orders has a rejected and a partial upload that
// were loaded at a time.
func withRejected(t *testing.T, loaded time.Time) account {
	t.Helper()
	c := newAccount(t)
	c.Upload("orders", "2026/all-bad.csv", loaded.Add(-time.Hour), map[string]any{
		"state": "loaded", "entries": 1, "records": 3, "rejected_by_unpack": 3, "reason#header_mismatch": 3, "unpacked_at": loaded, "loaded_at": loaded,
	})
	c.Upload("orders", "2026/some-bad.csv", loaded.Add(-2*time.Hour), map[string]any{
		"state": "loaded", "entries": 1, "records": 3, "stored": 2, "rejected_by_unpack": 1, "reason#invalid_quote": 1, "parts": 1, "parts_loaded": 1,
		"unpacked_at": loaded, "loaded_at": loaded,
	})
	return c
}

func TestListReportsRejectedUploads(t *testing.T) {
	c := withRejected(t, at(12, 0))
	for _, form := range []string{outputTable, outputJSON} {
		got := ingest(t.Context(), c.connect, "list", "--since", "2026-01-01", "--output", form)
		if got.code != exitFailed || got.errOut != "feed \"orders\" has rejected 1 upload: `ingest status orders --state rejected` lists them\n" {
			t.Errorf("%+v", got)
		}
		golden(t, "list.rejected."+form, got.out)
	}
	for name, test := range map[string]struct {
		loaded time.Time
		args   []string
		code   int
	}{
		"older than 7 days":   {at(12, 0), nil, exitOK},
		"within 7 days":       {time.Now().Add(-6 * 24 * time.Hour).UTC(), nil, exitFailed},
		"all":                 {at(12, 0), []string{"--since", ""}, exitFailed},
		"since a later time":  {at(12, 0), []string{"--since", "2026-03-01T12:00:01Z"}, exitOK},
		"since a wrong value": {at(12, 0), []string{"--since", "tomorrow"}, exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			c := withRejected(t, test.loaded)
			if got := ingest(t.Context(), c.connect, append([]string{"list"}, test.args...)...); got.code != test.code {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestStatusReportsRejectedUploads(t *testing.T) {
	c := withRejected(t, at(12, 0))
	got := ingest(t.Context(), c.connect, "status", "orders")
	if got.code != exitFailed || got.errOut != "1 upload rejected: `ingest quarantine orders` prints the records with their reasons\n" {
		t.Errorf("%+v", got)
	}
	golden(t, "status.rejected.table", got.out)
	for state, code := range map[string]int{"rejected": exitFailed, "partial": exitOK, "loaded": exitOK} {
		if got := ingest(t.Context(), c.connect, "status", "orders", "--state", state); got.code != code {
			t.Errorf("%s: %+v", state, got)
		}
	}
}

// The events of files that unpack has not started, and of an upload that is not done.
func TestStatusReadsTheFailureQueue(t *testing.T) {
	c, _ := withUploads(t)
	u := c.Upload("orders", "2026/stuck.json", at(12, 30), map[string]any{"state": "unpacked", "records": 2, "parts": 1})
	const failure = `{"requestContext":{"functionArn":"arn:aws:lambda:eu-central-1:1:function:orders-%s","condition":"RetriesExhausted"},"requestPayload":%s,"responsePayload":{"errorMessage":"%s"}}`
	c.Messages = []string{
		fmt.Sprintf(failure, "unpack", `{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"orders-source"},"object":{"key":"2026/new+file.json","eTag":"e","versionId":"v"}}}]}`, "access denied by KMS, and the whole of a long error"),
		fmt.Sprintf(failure, "load", `{"feed":"orders","upload":"`+u.ID+`","part":"0000000-000000"}`, "the table does not exist"),
	}
	c.Depth["orders-failures"] = len(c.Messages)
	const hint = "\nNot retried any more: 1 event. After the fix: ingest replay orders\n"
	for name, test := range map[string]struct {
		code   int
		errOut string
	}{
		"2026/new file.json":                    {exitFailed, "2026-03-01 13:00:00: unpack has failed on s3://orders-source/2026/new file.json: access denied by KMS, and the whole of a long error" + hint},
		"s3://orders-source/2026/new file.json": {exitFailed, "2026-03-01 13:00:00: unpack has failed on s3://orders-source/2026/new file.json: access denied by KMS, and the whole of a long error" + hint},
		u.ID:                                    {exitFailed, "2026-03-01 13:00:00: load has failed on " + u.ID + " 0000000-000000: the table does not exist" + hint},
		"2026/gone.json":                        {exitOK, ""},
		"2026/none.json":                        {exitFailed, "ingest: no such upload of feed \"orders\": no ID or key begins with \"2026/none.json\": `ingest status orders` lists the uploads, `ingest reconcile orders` the files of the bucket that have none\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ingest(t.Context(), c.connect, "status", "orders", name); got.code != test.code || got.errOut != test.errOut {
				t.Errorf("%+v\nwant %q", got, test.errOut)
			}
		})
	}
}
