package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/operator/ui"
	"example.com/ingestion/snowflake/client"
)

// pageSource returns what the page of `ingest ui` reads.
func (w *fixture) pageSource(t *testing.T) *ui.AccountSource {
	t.Helper()
	cfg, err := w.env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string {
		if name == client.EnvEndpoint {
			return w.env.Snowflake.URL()
		}
		return os.Getenv(name)
	}
	return ui.NewAccountSource(operator.NewAccount(cfg), getenv, true)
}

// pageOfFailure checks what the page shows of a feed whose load has failed on an upload.
func pageOfFailure(t *testing.T, w *fixture, upload string) {
	source := w.pageSource(t)
	var f ui.Feed
	for deadline := time.Now().Add(30 * time.Second); len(f.Problems) == 0 || f.Snowflake == nil || f.Snowflake.Rows == nil || len(f.Sources) == 0; {
		s := source.Read(t.Context())
		if s.Error != "" || len(s.Feeds) == 0 || time.Now().After(deadline) {
			t.Fatalf("%+v", s)
		}
		f = s.Feeds[0]
		time.Sleep(100 * time.Millisecond)
	}
	if f.Feed.Feed != "earthquakes" || f.State != overview.Failing || *f.Snowflake.Rows != f.Records || !strings.HasPrefix(f.Sources[0], "s3://"+w.quakes.SourceBucket) {
		t.Errorf("%+v", f)
	}
	if p := f.Problems[0]; p.Upload != upload || !strings.Contains(p.File, "2026/fails.json, part 0000000-00000") || p.Error != "AccessDenied: the key of the bucket" || p.Command != "ingest status earthquakes "+upload {
		t.Errorf("%+v", p)
	}
	v, err := source.Upload(t.Context(), "Earthquakes/earthquakes", upload)
	if err != nil || v.Error != "" || v.State != overview.Unpacked || len(v.PartList) != 3 || len(v.RecordList) != 0 || len(v.EntryList) != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// pageOfQuarantine checks what the page shows of a partly loaded upload.
func pageOfQuarantine(t *testing.T, w *fixture, upload string) {
	v, err := w.pageSource(t).Upload(t.Context(), "Airports/airports", upload)
	if err != nil || v.Error != "" || v.State != overview.Partial || len(v.RecordList) != 19 || len(v.Quarantine) != 1 || len(v.EntryList) != 1 || v.EntryList[0].Name != "with a height.csv" {
		t.Fatalf("%+v, %v", v, err)
	}
	if q := v.Quarantine[0]; q.Reason != "too_many_fields" || q.Ordinal != 7 || q.Raw != "X|Y|Z|?|?|?|?|?|?|?" {
		t.Errorf("%+v", q)
	}
}
