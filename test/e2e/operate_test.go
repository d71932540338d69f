package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ingestion/internal/operate/reconcile"
	"ingestion/local/flow"
)

func TestOperate(t *testing.T) {
	if testing.Short() {
		t.Skip("deploys to a local AWS")
	}
	w := startEmpty(t)
	app := w.editedApp(t, smallParts...)
	if err := w.deployEdited(t, app, "Store", "Earthquakes", "Airports"); err != nil {
		t.Fatal(err)
	}
	w.quakes, w.airports = w.feed(t, "Earthquakes"), w.feed(t, "Airports")
	w.put(t, w.quakes, flow.File{Key: "2026/good.json", Body: features(50, nil)})
	w.put(t, w.airports, flow.File{Key: "good.csv", Body: rows(40, nil)})
	for _, step := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"nothing is wrong", nothingWrong},
		{"load fails", loadFails},
		{"the table is throttled", throttledTable},
		{"an event never arrives", lostEvent},
		{"the pipe is paused", pausedPipe},
		{"records are refused", refusedRecords},
		{"nothing is wrong any more", nothingWrong},
	} {
		begun := time.Now()
		t.Run(step.name, func(t *testing.T) { step.run(t, w) })
		t.Logf("%s: %v", step.name, time.Since(begun))
	}
}

// smallParts cuts the feed's parts and time: its parts are many, and load gives
// up on a table that takes nothing after three seconds, thrice.
var smallParts = []string{`Format: constructs.JSON().At("features"),`, `Format: constructs.JSON().At("features"), PartBytes: 8 << 10, Load: constructs.FunctionProps{Timeout: 3e9},`}

func nothingWrong(t *testing.T, w *world) {
	w.idle(t)
	w.ingest(t, 0, "list")
	for _, f := range []*flow.Feed{w.quakes, w.airports} {
		w.ingest(t, 0, "query", f.Name)
		w.ingest(t, 0, "status", f.Name)
		w.ingest(t, 0, "reconcile", f.Name, "--patience", "0s", "--deep")
		w.ingest(t, 0, "doctor", f.Name)
		var stored int64
		uploads, err := f.Uploads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range uploads {
			stored += u.Stored
		}
		w.ingest(t, 0, "records", f.Name).count(t, stored)
	}
}

func loadFails(t *testing.T, w *world) {
	w.env.Host().FailNext(w.quakes.Load, 9)
	if _, err := w.quakes.Put(t.Context(), flow.File{Key: "2026/fails.json", Body: features(600, nil)}); err != nil {
		t.Fatal(err)
	}
	w.idle(t)
	w.ingest(t, 0, "list")
	w.ingest(t, 0, "status", "earthquakes")
	w.ingest(t, 0, "status", "earthquakes", "2026/fails.json")
	w.shell(t, 1, "ingest doctor earthquakes")
	w.ingest(t, 0, "replay", "earthquakes", "--dry-run")
	w.mend(t, w.quakes)
}

func (w *world) mend(t *testing.T, f *flow.Feed) {
	w.ingest(t, 0, "reconcile", f.Name)
	w.ingest(t, 1, "reconcile", f.Name, "--patience", "0s")
	var r reconcile.Result
	w.ingest(t, 1, "reconcile", f.Name, "--patience", "0s", "--output", "json").read(t, &r)
	var mends []string
	for _, f := range r.Findings {
		if !slices.Contains(mends, f.Mend) {
			mends = append(mends, f.Mend)
		}
	}
	for _, m := range mends {
		w.shell(t, 0, m)
	}
	w.idle(t)
	w.ingest(t, 0, "reconcile", f.Name, "--patience", "0s")
}

func throttledTable(t *testing.T, w *world) {
	if err := w.env.Throttle(t.Context(), "BatchWriteItem", "PutItem"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.quakes.Put(t.Context(), flow.File{Key: "2026/throttled.json", Body: features(100, nil)}); err != nil {
		t.Fatal(err)
	}
	w.idle(t)
	if err := w.env.Throttle(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.ingest(t, 0, "list")
	w.ingest(t, 0, "replay", "earthquakes", "--dry-run")
	w.mend(t, w.quakes)
}

func lostEvent(t *testing.T, w *world) {
	if err := w.env.FillBucket(t.Context(), w.quakes.SourceBucket, []string{"2026/lost & found.json"}, features(30, nil)); err != nil {
		t.Fatal(err)
	}
	w.ingest(t, 0, "backfill", "earthquakes", "--dry-run")
	w.mend(t, w.quakes)
}

func pausedPipe(t *testing.T, w *world) {
	if _, err := w.db.ExecContext(t.Context(), w.quakes.Warehouse.Pipe.Pause()); err != nil {
		t.Fatal(err)
	}
	w.put(t, w.quakes, flow.File{Key: "2026/paused.json", Body: features(20, nil)})
	w.idle(t)
	w.ingest(t, 1, "doctor", "earthquakes")
	w.ingest(t, 0, "reconcile", "earthquakes")
	w.ingest(t, 1, "reconcile", "earthquakes", "--patience", "0s")
	w.ingest(t, 0, "query", "earthquakes", w.quakes.Warehouse.Pipe.Resume())
	w.idle(t)
	w.ingest(t, 0, "reconcile", "earthquakes", "--patience", "0s")
}

func refusedRecords(t *testing.T, w *world) {
	higher := strings.ReplaceAll(strings.ReplaceAll(string(rows(20, map[int]string{7: "X|Y|Z|?|?|?|?|?|?|?"})), "longitude", "longitude|height"), "|-2", "|-2|430")
	w.put(t, w.airports, flow.File{Key: "higher.csv", Body: []byte(higher)})
	w.ingest(t, 0, "list")
	w.ingest(t, 0, "quarantine", "airports")
	w.ingest(t, 1, "replay", "airports")
	app := w.editedApp(t, append(slices.Clone(smallParts), `"latitude", "longitude"),`, `"latitude", "longitude", "height"),`)...)
	if err := w.deployEdited(t, app, "Airports"); err != nil {
		t.Fatal(err)
	}
	w.ingest(t, 0, "replay", "airports", "--dry-run")
	w.ingest(t, 1, "replay", "airports")
	w.ingest(t, 0, "quarantine", "airports")
	w.ingest(t, 0, "status", "airports", "higher.csv")
	w.shell(t, 1, "ingest reconcile airports --patience 0s")
	w.shell(t, 0, "ingest query airports 'EXECUTE TASK "+w.airports.Warehouse.Task.Name()+"'")
	w.idle(t)
	w.shell(t, 1, "ingest reconcile airports --patience 0s")
}
