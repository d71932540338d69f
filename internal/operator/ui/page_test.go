package ui

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"example.com/ingestion/internal/operator/overview"
)

// fakeSource is a Source with a state that the test sets.
type fakeSource struct {
	mu    sync.Mutex
	state State
	reads int
}

func (s *fakeSource) Read(context.Context) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	// The feeds are never modified in place.
	return s.state
}

func (s *fakeSource) set(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func upload(key string, state overview.UploadState, ago time.Duration, records, stored, quarantined int64) overview.Upload {
	return overview.Upload{
		Upload: "2iofe5btnvdhanhrg76i3r2tfc", Key: key, Source: "s3://bucket/" + key, State: state, Time: noon.Add(-ago),
		Records: records, Stored: stored, Quarantined: quarantined,
	}
}

func rows(n int64) *Rows { return &Rows{Table: `"RAW"."PUBLIC"."ORDERS"`, Rows: &n} }

// twoFeeds is a state with a working and a failing feed. The name of a file contains
// HTML.
func twoFeeds() State {
	return State{Account: "AWS region eu-central-1", At: noon, Figures: noon, Feeds: []Feed{
		{
			Feed: overview.Feed{
				Feed: "orders", Stack: "Orders", State: overview.Working, Uploads: 1284, Waiting: 1,
				Records: 4_218_334, Stored: 4_180_112, Quarantined: 0,
			},
			Recent: []overview.Upload{
				upload("2026/03/01/orders-1158.json.gz", overview.Unpacked, time.Minute, 40_000, 1_778, 0),
				upload("2026/03/01/orders-1143.json.gz", overview.Loaded, 16*time.Minute, 38_912, 38_912, 0),
				upload("2026/03/01/orders-1128.json.gz", overview.Loaded, 31*time.Minute, 39_407, 39_407, 0),
			},
			Reasons: []overview.Reason{}, Snowflake: rows(4_180_112),
		},
		{
			Feed: overview.Feed{
				Feed: "returns", Stack: "Returns", State: overview.Failing, Uploads: 3, Waiting: 1, Failed: 2,
				Records: 1_204, Stored: 1_187, Quarantined: 17,
			},
			Advice: "2 failed: `ingest doctor returns` finds the cause; after the fix, `ingest replay returns` retries them.",
			Recent: []overview.Upload{
				upload("<b>returns</b> & more.zip", overview.Unpacking, 40*time.Minute, 0, 0, 0),
				upload("2026/02/28/returns.csv", overview.Loaded, 22*time.Hour, 702, 685, 17),
				upload("2026/02/27/returns.csv", overview.Loaded, 46*time.Hour, 502, 502, 0),
			},
			Reasons:   []overview.Reason{{Reason: "csv_too_many_fields", Records: 14, Uploads: 1}, {Reason: "invalid_utf8", Records: 3, Uploads: 1}},
			Snowflake: &Rows{Table: `"RAW"."PUBLIC"."RETURNS"`, Error: "login failed"},
		},
	}}
}

// recovered is twoFeeds after a replay, and with a third feed.
func recovered() State {
	s := twoFeeds()
	f := &s.Feeds[1]
	f.State, f.Advice, f.Failed, f.Waiting, f.Records, f.Stored = overview.Idle, "", 0, 0, 1_704, 1_687
	f.Recent[0] = upload("<b>returns</b> & more.zip", overview.Loaded, 40*time.Minute, 500, 500, 0)
	s.Feeds = append(s.Feeds, Feed{Feed: overview.Feed{Feed: "new", Stack: "New", State: overview.Idle}, Recent: []overview.Upload{}, Reasons: []overview.Reason{}})
	return s
}

// browser is a browser with one page. Its methods fail the test on an error.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func (b browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func read[T any](b browser, a chromedp.Action[T]) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// text waits for the first element of a selector and returns its visible text.
func (b browser) text(selector string) string {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	return strings.Join(strings.Fields(read(b, chromedp.Text(chromedp.CSS(selector)))), " ")
}

func (b browser) media(features ...*emulation.MediaFeature) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		b.t.Fatal(err)
	}
}

func scheme(name string) *emulation.MediaFeature {
	return &emulation.MediaFeature{Name: "prefers-color-scheme", Value: name}
}

// screenshot writes a screenshot to the folder that SCREENSHOTS names, by default to
// the artifacts of the test (go test -artifacts).
func (b browser) screenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		dir = b.t.ArtifactDir()
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, read(b, chromedp.FullScreenshot(100)), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.t.Log(path)
}

func TestPageInBrowser(t *testing.T) {
	source := &fakeSource{state: twoFeeds()}
	page, err := Serve(t.Context(), source, 0, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	b := browser{t, chromium(t, 1200, 1000)}
	problems := b.problems()
	b.do(chromedp.Navigate(page.URL), chromedp.WaitVisible(chromedp.CSS(".feed.failing")))
	for selector, want := range map[string]string{
		"#summary":                            "1 of 2 feeds needs attention: returns.",
		"#account":                            "AWS region eu-central-1",
		"#link.live":                          "Live, last change 12:00:00 UTC",
		".feed.failing .title":                "returns failing stack Returns",
		".feed.failing .advice":               "2 failed: ingest doctor returns finds the cause; after the fix, ingest replay returns retries them.",
		".feed.failing .flow li:nth-child(4)": "? Snowflake: unknown",
		".feed.failing .flow .broken":         "2 failed events",
		".feed.failing .reasons":              "Quarantine reasons Reason Records csv_too_many_fields 14 invalid_utf8 3",
		".feed.failing tbody tr":              "2026-03-01 11:20:00 <b>returns</b> & more.zip unpacking 0 0 0",
		".feed.working .flow":                 "4,218,334 records in 4,180,112 stored 0 in quarantine 4,180,112 rows in Snowflake 1 uploads not done 0 failed events",
		".feed.working h3":                    "Newest 3 of 1,284 uploads",
	} {
		if got := b.text(selector); got != want {
			t.Errorf("%s: %q, want %q", selector, got, want)
		}
	}
	if title := read(b, chromedp.Title()); title != "(1) Feeds" {
		t.Errorf("title %q", title)
	}
	if n := read(b, chromedp.Evaluate[int](`document.querySelectorAll("form, input, button, a").length`)); n != 0 {
		t.Errorf("%d interactive elements on a read-only page", n)
	}
	b.screenshot("failing.png")
	b.media(scheme("dark"))
	b.screenshot("failing-dark.png")

	// The page updates itself, and keeps elements that have not changed.
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".feed.working").dataset.kept = "yes"`))
	source.set(recovered())
	b.do(chromedp.WaitNotPresent(chromedp.CSS(".feed.failing")), chromedp.WaitVisible(chromedp.CSS("#feed-New-new")))
	if got := b.text("#summary"); got != "3 feeds, none failing." {
		t.Errorf("summary after the change: %q", got)
	}
	if got := b.text(".feed:nth-child(3) .uploads"); got != "0 uploads No files yet." {
		t.Errorf("a feed without uploads: %q", got)
	}
	if !read(b, chromedp.Evaluate[bool](`document.querySelector(".feed.working").dataset.kept === "yes"`)) {
		t.Error("a card was replaced that has not changed")
	}
	b.media()
	b.screenshot("working.png")
	b.do(chromedp.EmulateViewport(390, 844))
	if read(b, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`)) {
		t.Error("the page is wider than a narrow screen")
	}
	b.screenshot("narrow.png")
	if all := problems(); len(all) > 0 {
		t.Errorf("the browser reports: %q", all)
	}

	// While AWS cannot be reached, the page keeps the figures and shows their time.
	stale := recovered()
	stale.At, stale.Error = noon.Add(time.Minute), "list the stacks: cannot reach AWS"
	source.set(stale)
	if got := b.text("#link.lost"); got != "AWS cannot be read, figures of 2026-03-01 12:00:00 UTC" {
		t.Errorf("AWS cannot be reached: %q", got)
	}
	if got := b.text("#problem"); got != stale.Error || len(b.text(".feed.working .flow")) == 0 {
		t.Errorf("AWS cannot be reached: %q", got)
	}

	// The page shows that the server has stopped.
	if err := page.Close(); err != nil {
		t.Error(err)
	}
	if got := b.text("#link.lost"); !strings.HasPrefix(got, "Not connected") {
		t.Errorf("after the end: %q", got)
	}
}

// problems collects exceptions and log messages of the browser, for example about
// requests that the Content-Security-Policy blocks.
func (b browser) problems() func() []string {
	b.t.Helper()
	var mu sync.Mutex
	var all []string
	err := chromedp.Listen(b.ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			all = append(all, e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			all = append(all, "console."+string(e.Type))
		case *log.EventEntryAdded:
			all = append(all, e.Entry.Text)
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// contrasts computes the lowest contrast of any text with its background.
const contrasts = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (c) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
  let least = [99, ""];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walk.nextNode());) {
    const e = n.parentElement;
    if (!n.textContent.trim() || !e.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least[0]) least = [ratio, e.className + ": " + n.textContent];
  }
  return { ratio: least[0], text: least[1] };
})()`

func TestContrast(t *testing.T) {
	state := twoFeeds()
	waiting := recovered().Feeds[2]
	waiting.State, waiting.Advice = overview.Waiting, "No progress."
	waiting.Recent = []overview.Upload{upload("gone.json", overview.Missing, 0, 0, 0, 0)}
	rejecting := recovered().Feeds[2]
	rejecting.Feed.Feed, rejecting.State, rejecting.Advice = "rejecting", overview.Rejecting, "1 rejected."
	rejecting.Recent = []overview.Upload{upload("a.csv", overview.Rejected, 0, 1, 0, 1), upload("b.csv", overview.Partial, 0, 2, 1, 1)}
	state.Feeds = append(state.Feeds, waiting, rejecting)
	state.Error = "list the stacks: denied"
	page, err := Serve(t.Context(), &fakeSource{state: state}, 0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b := browser{t, chromium(t, 1200, 1000)}
	for _, name := range []string{"light", "dark"} {
		b.media(scheme(name))
		b.do(chromedp.Navigate(page.URL), chromedp.WaitVisible(chromedp.CSS(".feed.waiting")))
		type contrast struct {
			Ratio float64 `json:"ratio"`
			Text  string  `json:"text"`
		}
		least := read(b, chromedp.Evaluate[contrast](contrasts))
		// WCAG 2.2, success criterion 1.4.3.
		if least.Ratio < 4.5 || least.Ratio > 21 {
			t.Errorf("%s: contrast %.2f of %q is below 4.5", name, least.Ratio, least.Text)
		}
		t.Logf("%s: the lowest contrast is %.2f, of %q", name, least.Ratio, least.Text)
	}
	if err := page.Close(); err != nil {
		t.Error(err)
	}
}
