package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator/backfill"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/operator/reconcile"
	"example.com/ingestion/internal/operator/replay"
)

func ptr[T any](v T) *T { return &v }

const (
	goodUpload = "0a1b2c3d4e5f6g7h8i9j0k1l2m"
	badUpload  = "9z8y7x6w5v4u3t2s1r0q9p8o7n"
)

func reconciled() reconcile.Result {
	return reconcile.Result{
		Feed: "orders", Objects: 3, Ignored: []reconcile.Ignored{{Bucket: "src", Count: 2, Example: "readme.txt"}},
		Uploads: []reconcile.Upload{
			{ID: goodUpload, Source: "s3://src/a.json", State: overview.Loaded, Records: 12000, Stored: 11990, Quarantined: 10, InFile: ptr(int64(12000)), InTable: ptr(int64(11990)), InSnowflake: ptr(int64(11990))},
			{ID: badUpload, Source: "s3://src/b.json", State: overview.Unpacked, Records: 30, Stored: 20, InTable: ptr(int64(18)), InSnowflake: ptr(int64(0)), Waiting: true, Differs: true},
		},
		Findings: []reconcile.Finding{
			{Kind: reconcile.Missing, Upload: badUpload, Source: "s3://src/b.json", Part: "0000000-000001", Count: 12, Ordinals: []int64{3, 7}, Detail: "the table lacks 12 records of the part that load has stored", Remedy: "ingest replay orders --upload " + badUpload + " --part 0000000-000001"},
			{Kind: reconcile.Waiting, Upload: badUpload, Source: "s3://src/b.json", Count: 30, Detail: "Snowflake has 0 rows of the upload's 30; the last part was written less than 1h0m0s ago"},
		},
	}
}

func TestRemedyOutputs(t *testing.T) {
	plan := []backfill.Plan{
		{Bucket: "src", New: backfill.Count{Objects: 99000, Bytes: 5_200_000_000}, Known: backfill.Count{Objects: 1000, Bytes: 1}},
		{Bucket: "theirs", Prefix: "2026/", After: "2026/03/01/x.json", New: backfill.Count{Objects: 3, Bytes: 900}},
	}
	planned := backfilled{Feed: "orders", DryRun: true, Plan: plan, USD: ptr(12.5)}
	dispatched := backfilled{Feed: "orders", Plan: plan, USD: ptr(12.5), Results: []backfill.Result{
		{Bucket: "src", Dispatched: backfill.Count{Objects: 99000, Bytes: 5_200_000_000}, Known: backfill.Count{Objects: 1000, Bytes: 1}},
		{Bucket: "theirs", Prefix: "2026/", Dispatched: backfill.Count{Objects: 1, Bytes: 300}, After: "2026/03/01/y.json"},
	}}
	replayed := replay.Result{
		Feed: "orders",
		Events: []replay.Event{
			{Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Target: replay.Load, Upload: badUpload, Part: "0000000-000001", Error: "feed orders: the table does not exist", Dispatched: true},
			{Time: time.Date(2026, 3, 1, 12, 1, 0, 0, time.UTC), Target: replay.Unpack, Objects: []string{"s3://src/a.json"}, Dispatched: true},
			{Time: time.Date(2026, 3, 1, 12, 2, 0, 0, time.UTC)},
		},
		Uploads: []replay.Upload{
			{ID: goodUpload, Source: "s3://src/a.json", State: overview.Loaded, Tried: 12, Recovered: 10, Quarantined: 2, Reasons: map[string]int64{"invalid_json": 2}},
			{ID: badUpload, Source: "s3://src/b.json", State: overview.Unpacking, Resumed: true, Parts: []string{"0000000-000001"}},
		},
	}
	for name, test := range map[string]struct {
		v     any
		table func(*table) error
	}{
		"backfill.plan":   {planned, func(t *table) error { return backfillTable(t, planned) }},
		"backfill":        {dispatched, func(t *table) error { return backfillTable(t, dispatched) }},
		"replay":          {replayed, func(t *table) error { return replayTable(t, replayed) }},
		"reconcile":       {reconciled(), func(t *table) error { return reconcileTable(t, reconciled()) }},
		"replay.nothing":  {replay.Result{Feed: "orders"}, func(t *table) error { return replayTable(t, replay.Result{Feed: "orders"}) }},
		"reconcile.empty": {reconcile.Result{Feed: "orders"}, func(t *table) error { return reconcileTable(t, reconcile.Result{Feed: "orders"}) }},
	} {
		t.Run(name, func(t *testing.T) {
			for _, form := range []string{outputTable, outputJSON} {
				var out bytes.Buffer
				cmd := &cobra.Command{}
				cmd.SetOut(&out)
				c := &command{output: form}
				if err := c.print(cmd, test.v, test.table); err != nil {
					t.Fatal(err)
				}
				if form == outputJSON && !json.Valid(out.Bytes()) {
					t.Errorf("invalid JSON: %s", &out)
				}
				golden(t, name+"."+form, out.String())
			}
		})
	}
	if err := notReplayed(replayed); !errors.Is(err, errData) || !strings.Contains(err.Error(), "still in quarantine: 2 records (`ingest quarantine orders` lists them); in the failure queue: 1 event that cannot be dispatched") {
		t.Errorf("%v", err)
	}
	if err := differences(reconciled()); !errors.Is(err, errData) || err.Error() != "1 difference" {
		t.Errorf("%v", err)
	}
	if err := errors.Join(notReplayed(replay.Result{}), differences(reconcile.Result{})); err != nil {
		t.Error(err)
	}
}

func TestInvalidRemedyFlags(t *testing.T) {
	for _, args := range [][]string{
		{"backfill", "orders", "--rate", "0"},
		{"backfill", "orders", "--until", "tomorrow"},
		{"replay", "orders", "--part", "x"},
		{"reconcile", "orders", "--since", "x"},
		{"reconcile"},
	} {
		if got := ingest(t.Context(), to(stacks(t)), args...); got.code != exitUsage || got.out != "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

func TestBackfillReportsSourcesWithoutSuchKeys(t *testing.T) {
	c := newAccount(t)
	for want, args := range map[string][]string{
		`--source "elsewhere": no source of feed "orders" has such keys: its sources are s3://orders-source/`:                      {"orders", "--source", "elsewhere"},
		`--prefix "out/": no source of feed "returns" has such keys: its sources are s3://returns-source/in/`:                      {"returns", "--prefix", "out/"},
		`--source "elsewhere" --prefix "in/x": no source of feed "returns" has such keys: its sources are s3://returns-source/in/`: {"returns", "--source", "elsewhere", "--prefix", "in/x"},
	} {
		if got := ingest(t.Context(), c.connect, append([]string{"backfill"}, args...)...); got.code != exitFailed || got.errOut != "ingest: "+want+"\n" {
			t.Errorf("%v: %+v", args, got)
		}
	}
}
