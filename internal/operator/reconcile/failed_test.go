package reconcile

import (
	"slices"
	"testing"
	"time"

	"example.com/ingestion/internal/store/ledger"
)

// A failed event is reported with its error, in place of the difference that it explains.
func TestFailedEvents(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := Reconcile{Feed: "orders", Since: at.Add(-time.Hour), Failures: []Failure{
		{Time: at, Function: "unpack", Objects: []string{"s3://b/new.json"}, Error: "access denied"},
		{Time: at, Function: "load", Upload: "u1", Part: "p1", Error: "no table"},
		{Time: at, Function: "unpack", Upload: "u2"},
		{Time: at.Add(-2 * time.Hour), Function: "unpack", Upload: "u3", Error: "before Since"},
		{Time: at, Function: "unpack", Objects: []string{"s3://b/gone.json"}, Error: "deleted"},
	}}
	result := Result{Uploads: []Upload{{ID: "u1", Waiting: true}, {ID: "u7", Waiting: true}}, Findings: []Finding{
		{Kind: NoEvent, Upload: "u0", Source: "s3://b/new.json", Count: 1, Remedy: "ingest backfill"},
		{Kind: NoEvent, Upload: "u9", Source: "s3://b/other.json", Count: 1, Remedy: "ingest backfill"},
		{Kind: NotLoaded, Upload: "u1", Part: "p1", Count: 10, Remedy: "ingest replay"},
		{Kind: NotLoaded, Upload: "u1", Part: "p2", Count: 10, Remedy: "ingest replay"},
		{Kind: Stuck, Upload: "u2", Count: 5},
	}}
	r.failed(&result)
	const remedy = "ingest replay orders"
	want := []Finding{
		{Kind: Failed, Upload: "u0", Source: "s3://b/new.json", Count: 1, Detail: "unpack failed at 2026-03-01 12:00:00, and is not retried any more: access denied", Remedy: remedy},
		{Kind: NoEvent, Upload: "u9", Source: "s3://b/other.json", Count: 1, Remedy: "ingest backfill"},
		{Kind: Failed, Upload: "u1", Part: "p1", Count: 10, Detail: "load failed at 2026-03-01 12:00:00, and is not retried any more: no table", Remedy: remedy + " --upload u1"},
		{Kind: NotLoaded, Upload: "u1", Part: "p2", Count: 10, Remedy: "ingest replay"},
		{Kind: Failed, Upload: "u2", Count: 5, Detail: "unpack failed at 2026-03-01 12:00:00, and is not retried any more: the event does not contain the error", Remedy: remedy + " --upload u2"},
		{Kind: Failed, Source: "s3://b/gone.json", Count: 1, Detail: "unpack failed at 2026-03-01 12:00:00, and is not retried any more: deleted", Remedy: remedy},
	}
	if !slices.EqualFunc(result.Findings, want, func(a, b Finding) bool {
		return a.Kind == b.Kind && a.Upload == b.Upload && a.Source == b.Source && a.Part == b.Part && a.Count == b.Count && a.Detail == b.Detail && a.Remedy == b.Remedy
	}) {
		t.Errorf("%+v, want\n%+v", result.Findings, want)
	}
	if u := result.Uploads; u[0].Waiting || !u[0].Differs || !u[1].Waiting || u[1].Differs {
		t.Errorf("%+v", u)
	}
	if result.Differences() != len(want) {
		t.Error("a failed event is not a difference")
	}

	one := Reconcile{Feed: "orders", Upload: &ledger.Upload{}, Failures: r.Failures}
	one.Upload.ID = "u2"
	result = Result{}
	one.failed(&result)
	if len(result.Findings) != 1 || result.Findings[0].Upload != "u2" {
		t.Errorf("of one upload: %+v", result.Findings)
	}
}
