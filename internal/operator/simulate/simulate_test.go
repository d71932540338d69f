package simulate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/internal/operator/estimate"
	"example.com/ingestion/internal/operator/simulate"
)

func prices(t *testing.T) estimate.Prices {
	t.Helper()
	p, err := estimate.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Whatever arrives is stored, at little more than the cost of the write units of its
// bare payload, by at most as many loaders as there are slots. Very many tiny files cost at
// most twice that, since each has an upload in the ledger.
func TestScenarios(t *testing.T) {
	for _, sc := range simulate.Scenarios() {
		for name, sys := range map[string]simulate.System{"new": simulate.NewSystem(), "warmed": simulate.NewSystem().Warmed()} {
			r := simulate.Run(sc, sys, prices(t))
			floor := 1.05
			if strings.HasPrefix(sc.Name, "g:") {
				floor = 2
			}
			if strings.HasPrefix(sc.Name, "e1:") {
				// What docs/performance.md states as the limit of a compressed stream.
				if got := r.Stored * 1000; got < 220 || got > 230 || r.Unreached == 0 || len(r.Advice(sys)) == 0 {
					t.Errorf("%s, %s table: %.0f GB are stored: %+v", sc.Name, name, got, r)
				}
				continue
			}
			if r.SetAside+r.Unreached+r.Expired != 0 || r.PeakLoad > 100 {
				t.Errorf("%s, %s table: %+v", sc.Name, name, r)
			}
			if r.Stored != 1 || r.PeakLoad > sys.Loaders || r.PeakUnpack+r.PeakLoad > sys.Concurrency {
				t.Errorf("%s, %s table: %+v", sc.Name, name, r)
			}
			if r.Total() > floor*r.Floor || r.Waiting > 0.002*r.Total() || r.Duration > 10*time.Hour && r.Waiting > 0.07*r.Lambda || r.OldestEvent > time.Minute {
				t.Errorf("%s, %s table: cost %.2f of the floor, loaders waited for %.1f%% of Lambda's cost, events waited for %s", sc.Name, name, r.Total()/r.Floor, 100*r.Waiting/r.Lambda, r.OldestEvent)
			}
		}
	}
}

// A small feed that arrives with large ones is complete in proportion to its size.
func TestFeedsFinishInProportion(t *testing.T) {
	sc := simulate.Scenario{Files: 1000, FileBytes: 1e8, Within: time.Minute, Feeds: 10, RecordBytes: 533}
	r := simulate.Run(sc, simulate.NewSystem().Warmed(), prices(t))
	if r.LastFeed-r.FirstFeed > r.LastFeed/20 {
		t.Errorf("equal feeds were complete after %s to %s", r.FirstFeed, r.LastFeed)
	}
}

// What the simulation depends on: each change has the direction that it has in AWS.
func TestDirections(t *testing.T) {
	sc := simulate.Scenario{Files: 1000, FileBytes: 1e8, Within: time.Minute, Feeds: 1, RecordBytes: 533}
	base := simulate.NewSystem().Warmed()
	run := func(change func(*simulate.System)) simulate.Result {
		sys := base
		change(&sys)
		return simulate.Run(sc, sys, prices(t))
	}
	same := run(func(*simulate.System) {})
	if r := run(func(s *simulate.System) { s.Quota, s.Initial = 2*s.Quota, 2*s.Quota }); r.Duration > same.Duration*55/100 {
		t.Errorf("twice the quota: %s instead of %s", r.Duration, same.Duration)
	}
	if r := run(func(s *simulate.System) { s.Initial = 4000 }); r.Duration <= same.Duration {
		t.Errorf("a new table: %s instead of %s", r.Duration, same.Duration)
	}
	if r := run(func(s *simulate.System) { s.Loaders = 1; s.LoadMB = 128 }); r.Duration <= same.Duration || r.Bottleneck != simulate.Loaders {
		t.Errorf("one slow loader: %s instead of %s, limited by %s", r.Duration, same.Duration, r.Bottleneck)
	}
	if r := run(func(s *simulate.System) { s.Killed = 0.5 }); r.Stored+float64(r.SetAside)/3000 != 1 || r.SetAside < 500 || r.SetAside > 1000 || r.Repeated <= same.Repeated || r.DynamoDB/r.Stored <= same.DynamoDB {
		t.Errorf("every other loader is killed: %+v", r)
	}
}

// A saturated table refuses requests, which delays them and fails none.
func TestThrottlingDelaysOnly(t *testing.T) {
	sc := simulate.Scenario{Files: 100, FileBytes: 1e8, Within: time.Minute, Feeds: 3, RecordBytes: 533}
	for _, units := range []float64{200, 1000, 4000} {
		sys := simulate.NewSystem()
		sys.Quota, sys.Initial = units, units
		r := simulate.Run(sc, sys, prices(t))
		if r.Throttled == 0 || r.Stored != 1 || r.SetAside != 0 {
			t.Errorf("%.0f write units a second: %+v", units, r)
		}
	}
}

// Files that wait in Lambda are those of their feed: each feed has all of its records.
func TestFilesWaitForConcurrency(t *testing.T) {
	sc := simulate.Scenario{Files: 500, FileBytes: 1e8, Feeds: 7, RecordBytes: 533}
	sys := simulate.NewSystem().Warmed()
	sys.Concurrency = sys.Loaders + 4
	r := simulate.Run(sc, sys, prices(t))
	if r.Stored != 1 || r.PeakUnpack != 4 || r.OldestEvent == 0 || r.FirstFeed == 0 || r.LastFeed != r.Duration {
		t.Errorf("%+v", r)
	}
}

// A part whose loader is killed every time is set aside, and the loaders end.
func TestPartsThatKillLoadersAreSetAside(t *testing.T) {
	sys := simulate.NewSystem().Warmed()
	sys.Killed = 1
	r := simulate.Run(simulate.Scenario{Files: 10, FileBytes: 1e8, Feeds: 2, RecordBytes: 533}, sys, prices(t))
	if r.Stored != 0 || r.SetAside != 30 || len(r.Advice(sys)) == 0 {
		t.Errorf("%+v", r)
	}
}

// A zip continues at its entry; a compressed stream has a limit, below which all is stored.
func TestCompressedStream(t *testing.T) {
	sys := simulate.NewSystem().Warmed()
	for gigabytes, whole := range map[float64]bool{150: true, 200: true, 260: false} {
		r := simulate.Run(simulate.Scenario{Files: 1, FileBytes: gigabytes * 1e9, Feeds: 1, Stream: true, RecordBytes: 533}, sys, prices(t))
		if (r.Stored == 1) != whole {
			t.Errorf("%.0f GB: %.1f%% is stored", gigabytes, 100*r.Stored)
		}
	}
}

// Very many tiny files of one feed share parts, so that only the ledger's index bounds
// them: each costs writes to one of its partitions. An event never waits for them.
func TestTinyFiles(t *testing.T) {
	tiny := simulate.Scenario{Files: 1_000_000, FileBytes: 5000, Within: 6 * time.Minute, Feeds: 1, RecordBytes: 533}
	sys := simulate.NewSystem().Warmed()
	sys.IndexShards = 1
	one := simulate.Run(tiny, sys, prices(t))
	if perSecond := float64(tiny.Files) / one.Duration.Seconds(); perSecond > 500 || perSecond < 250 || one.Bottleneck != simulate.IndexWrites || one.OldestEvent > 0 {
		t.Errorf("%.0f files a second: %+v", perSecond, one)
	}
	sys.IndexShards = 16
	many := simulate.Run(tiny, sys, prices(t))
	if many.Stored != 1 || many.Duration > one.Duration/2 || many.PeakLoad > 16 || many.OldestEvent > 0 {
		t.Errorf("with 16 partitions of the index: %+v", many)
	}
	// A part is shared by hundreds: its price is that of a few dozen requests for each file.
	if perFile := many.S3 / float64(tiny.Files); perFile > 6e-7 {
		t.Errorf("S3 costs $%.8f a file", perFile)
	}
	// Files that come one by one are not kept waiting.
	few := simulate.Run(simulate.Scenario{Files: 60, FileBytes: 5000, Within: time.Hour, Feeds: 1, RecordBytes: 533}, sys, prices(t))
	if few.Stored != 1 || few.Duration > 59*time.Minute+10*time.Second {
		t.Errorf("a file each minute: %+v", few)
	}
}

// docs/performance.md has the table that `make simulate` prints.
func TestDocumentedTable(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	if table := simulate.Table(prices(t)); !strings.Contains(string(doc), table) {
		t.Errorf("docs/performance.md does not have the table that `make simulate` prints:\n%s", table)
	}
}
