package ui

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
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

func (s *fakeSource) Upload(_ context.Context, feedName, id string) (UploadView, error) {
	if v := uploadView(); feedName == v.Stack+"/"+v.Feed && id == uploadID {
		return v, nil
	}
	return UploadView{}, fmt.Errorf("upload %q of feed %s: %w", id, feedName, ErrNotFound)
}

func (s *fakeSource) set(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const uploadID = "2iofe5btnvdhanhrg76i3r2tfc"

func upload(key string, state overview.UploadState, ago time.Duration, records, stored, quarantined int64) overview.Upload {
	return overview.Upload{
		Upload: uploadID, Key: key, Source: "s3://bucket/" + key, Version: "v1", State: state, Time: noon.Add(-ago),
		Records: records, Stored: stored, Quarantined: quarantined,
	}
}

func rows(n int64) *Rows { return &Rows{Table: `"RAW"."PUBLIC"."ORDERS"`, Rows: &n} }

// hours are the hours of a feed whose loading has a daily peak.
func hours(quarantined int64) []Hour {
	s := newSummary(noon)
	for i := range s.hours {
		n := int64(1000 + 900*((i%24)-12)*((i%24)-12)/144)
		s.hours[i].Stored, s.hours[i].Bytes = n, 512*n
	}
	s.hours[40].Quarantined = quarantined
	return s.hours
}

// newFeed is a feed without uploads.
func newFeed(name, stack string, state overview.State) Feed {
	return Feed{
		Feed:    overview.Feed{Feed: name, Stack: stack, State: state},
		Sources: []string{}, Problems: []Problem{}, Recent: []overview.Upload{}, Reasons: []overview.Reason{}, Hours: newSummary(noon).hours,
	}
}

func stateOf(feeds ...Feed) State {
	return State{Account: "AWS region eu-central-1", At: noon, Figures: noon, Feeds: append([]Feed{}, feeds...)}
}

func workingFeed() Feed {
	f := newFeed("orders", "Orders", overview.Working)
	f.Uploads, f.Waiting, f.Records, f.Stored = 1284, 1, 4_218_334, 4_180_112
	f.Sources = []string{"s3://orders-orderssourcebucket-1x2y3z/incoming/"}
	f.Recent = []overview.Upload{
		upload("2026/03/01/orders-1158.json.gz", overview.Unpacked, time.Minute, 40_000, 1_778, 0),
		upload("2026/03/01/orders-1143.json.gz", overview.Loaded, 16*time.Minute, 38_912, 38_912, 0),
		upload("2026/03/01/orders-1128.json.gz", overview.Loaded, 31*time.Minute, 39_407, 39_407, 0),
	}
	f.Last = &overview.Last{Upload: uploadID, Key: f.Recent[0].Key, State: overview.Unpacked, Time: f.Recent[0].Time}
	f.Hours, f.Snowflake = hours(0), rows(4_181_819)
	return f
}

// failingFeed has an event in the failure queue. The name of its file contains HTML.
func failingFeed() Feed {
	f := newFeed("returns", "Returns", overview.Failing)
	f.Uploads, f.Waiting, f.Failed, f.Records, f.Stored, f.Quarantined = 3, 1, 2, 1_204, 1_187, 17
	f.Advice, f.Commands = advice(f.Feed, "returns")
	f.Problems = []Problem{
		{
			Time: noon.Add(-40 * time.Minute), File: "s3://bucket/<b>returns</b> & more.zip", Upload: uploadID, Function: "unpack",
			Error: "read s3://bucket/<b>returns</b> & more.zip: AccessDenied: the role Returns-unpack may not use the key arn:aws:kms:eu-central-1:123456789012:key/4711", Command: "ingest status returns " + uploadID,
		},
		{Time: noon.Add(-41 * time.Minute), File: "s3://bucket/returns-2.zip", Function: "unpack", Error: "Task timed out after 900.00 seconds", Command: "ingest logs returns --since 7d"},
	}
	f.Recent = []overview.Upload{
		upload("<b>returns</b> & more.zip", overview.Unpacking, 40*time.Minute, 0, 0, 0),
		upload("2026/02/28/returns.csv", overview.Partial, 22*time.Hour, 702, 685, 17),
		upload("2026/02/27/returns.csv", overview.Loaded, 46*time.Hour, 502, 502, 0),
	}
	f.Reasons = []overview.Reason{{Reason: "too_many_fields", Records: 14, Uploads: 1}, {Reason: "invalid_utf8", Records: 3, Uploads: 1}}
	f.Hours, f.Snowflake = hours(600), &Rows{Table: `"RAW"."PUBLIC"."RETURNS"`, Error: "login failed"}
	return f
}

func rejectingFeed() Feed {
	f := newFeed("customers", "Customers", overview.Rejecting)
	f.Uploads, f.Rejected, f.Records, f.Stored, f.Quarantined = 17, 7, 17_000, 8_000, 9_000
	f.Advice, f.Commands = advice(f.Feed, "customers")
	gone := upload("2026/03/01/gone.csv", overview.Missing, 3*time.Hour, 0, 0, 0)
	bad := upload("2026/03/01/customers.csv", overview.Rejected, 2*time.Hour, 1_000, 0, 1_000)
	bad.Message = `line 1: the header row has 1 ("id,name,city"), the feed's columns are 3 (id, name, city): another delimiter?`
	bad.Reasons = map[string]int64{"header_mismatch": 1_000}
	f.Recent = []overview.Upload{bad, gone}
	f.Problems, f.MoreProblems = rejected([]overview.Upload{bad}, "customers"), 6
	f.Reasons = []overview.Reason{{Reason: "header_mismatch", Records: 9_000, Uploads: 7}}
	f.Hours, f.Snowflake = hours(1000), &Rows{Table: `"RAW"."PUBLIC"."CUSTOMERS"`}
	return f
}

// states are what the page is tested with.
func states() map[string]State {
	waiting := newFeed("stock", "Stock", overview.Waiting)
	waiting.Waiting, waiting.Queued = 2, 4
	waiting.Advice, waiting.Commands = advice(waiting.Feed, "stock")
	working := stateOf(workingFeed())
	for _, name := range []string{"Airports", "Earthquakes", "Flights", "Movies", "Payments", "Prices", "Weather"} {
		f := workingFeed()
		f.Feed.Feed, f.Stack, f.State, f.Waiting, f.Snowflake = strings.ToLower(name), name, overview.Idle, 0, nil
		working.Feeds = append(working.Feeds, f)
	}
	unreachable := stateOf(workingFeed(), newFeed("prices", "Prices", overview.Idle))
	unreachable.At = noon.Add(3 * time.Minute)
	unreachable.Error = "list the stacks: CloudFormation DescribeStacks: cannot reach https://cloudformation.eu-central-1.amazonaws.com: connection refused: check AWS_ENDPOINT_URL, the region and the network"
	unreadable := workingFeed()
	unreadable.State, unreadable.Error, unreadable.Advice, unreadable.Commands = overview.Unknown, "attributes of queue failures: AccessDenied", "This feed cannot be read.", []string{"ingest doctor orders"}
	unreadable.FiguresOf = &noon
	all := append([]Feed{failingFeed(), rejectingFeed(), waiting}, working.Feeds[1:6]...)
	return map[string]State{
		"working": working, "failing": stateOf(all...), "rejected": stateOf(rejectingFeed(), workingFeed()),
		"unreachable": unreachable, "unreadable": stateOf(unreadable), "empty": stateOf(),
	}
}

// neverRead is a feed whose figures were never read.
func neverRead() Feed {
	f := newFeed("orders", "Orders", overview.Unknown)
	f.Error, f.Advice, f.Commands = "stack Orders has no output OrdersTable", "This feed cannot be read.", []string{"ingest doctor orders"}
	return f
}

// uploadView is the page of a partly quarantined upload of an archive.
func uploadView() UploadView {
	u := upload("2026/02/28/returns.zip", overview.Partial, 22*time.Hour, 702, 685, 17)
	u.Entries, u.Parts, u.PartsLoaded, u.Bytes, u.Message = 2, 1, 1, 48_211, "entry returns-2.csv: 17 records in quarantine"
	u.StartedAt, u.UnpackedAt, u.LoadedAt = &noon, &noon, &noon
	return UploadView{
		Feed: "returns", Stack: "Returns",
		Detail: overview.Detail{
			Upload: u, PartsFolder: "s3://landing/landing/returns/2026/02/28/" + uploadID + "/", QuarantineFolder: "s3://landing/quarantine/returns/2026/02/28/" + uploadID + "/",
			PartList: []overview.Part{{Part: "0000000-000000", State: "loaded", Records: 685, Stored: 685, Bytes: 20_113, LandedAt: &noon, LoadedAt: &noon}},
		},
		EntryList:  []Entry{{0, "returns-1.csv"}, {1, "returns-2.csv"}},
		Quarantine: []QuarantinedRecord{{Entry: "returns-2.csv", Ordinal: 3, Offset: 335, Reason: "too_many_fields", Detail: "line 9: the row has 10 fields, the header 8", Raw: "<i>X</i>|Y|Z|?|?|?|?|?|?|?"}},
		RecordList: []Record{{ID: uploadID + "/0000000/000000000000", Entry: "returns-1.csv", Data: `{"id":"4711","amount":12345678901234567890.10}`}},
		Commands:   []string{"ingest status returns " + uploadID, "ingest quarantine returns --upload " + uploadID}, MoreQuarantine: true,
	}
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

// open opens the page with a state.
func open(t *testing.T, source Source, width, height int) (browser, *Page) {
	t.Helper()
	page := serve(t, source, 20*time.Millisecond)
	b := browser{t, chromium(t, width, height)}
	b.do(chromedp.EmulateViewport(int64(width), int64(height)), chromedp.Navigate(page.URL), chromedp.WaitNotPresent(chromedp.CSS("#link:not(.live):not(.lost)")))
	return b, page
}

// check waits for the texts of elements: the page updates itself.
func (b browser) check(texts map[string]string) {
	b.t.Helper()
	for selector, want := range texts {
		var got string
		for range 100 {
			if got = b.text(selector); got == want {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if got != want {
			b.t.Errorf("%s:\n%q, want\n%q", selector, got, want)
		}
	}
}

// TestScreens makes a screenshot of every state on a wide and on a narrow screen, and
// checks what holds for all of them.
func TestScreens(t *testing.T) {
	for name, state := range states() {
		t.Run(name, func(t *testing.T) {
			source := &fakeSource{state: state}
			b, page := open(t, source, 1280, 800)
			problems := b.problems()
			for _, width := range []int64{1280, 390} {
				b.do(chromedp.EmulateViewport(width, 844))
				b.screenshot(fmt.Sprintf("%s-%d.png", name, width))
				b.fits(name)
			}
			b.contrast(name)
			if len(state.Feeds) > 0 {
				b.do(chromedp.Navigate(page.URL+"#"+"feed-"+state.Feeds[0].Stack+"-"+state.Feeds[0].Feed.Feed), chromedp.WaitVisible(chromedp.CSS(".feed:first-child .facts")))
				for _, width := range []int64{1280, 390} {
					b.do(chromedp.EmulateViewport(width, 844))
					b.screenshot(fmt.Sprintf("%s-open-%d.png", name, width))
					b.fits(name + ", open")
				}
				b.contrast(name + ", open")
			}
			b.named()
			if all := problems(); len(all) > 0 {
				t.Errorf("the browser reports: %q", all)
			}
		})
	}
}

// fits checks that nothing is outside the screen, and that no table has to be scrolled.
func (b browser) fits(name string) {
	b.t.Helper()
	outside := read(b, chromedp.Evaluate[[]string](`[...document.querySelectorAll("main *")].filter((e) => e.checkVisibility() && !e.closest(".unseen, thead, svg") && (e.getBoundingClientRect().right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible")).map((e) => e.tagName + "." + e.className + ": " + e.textContent.slice(0, 80))`))
	if len(outside) > 0 {
		b.t.Errorf("%s: outside the screen: %q", name, outside)
	}
}

// contrast checks the contrast of every text in both color schemes.
func (b browser) contrast(name string) {
	b.t.Helper()
	for _, colors := range []string{"light", "dark"} {
		b.media(scheme(colors))
		type contrast struct {
			Ratio float64 `json:"ratio"`
			Text  string  `json:"text"`
		}
		least := read(b, chromedp.Evaluate[contrast](contrasts))
		// WCAG 2.2, success criterion 1.4.3.
		if least.Ratio < 4.5 || least.Ratio > 21 {
			b.t.Errorf("%s, %s: contrast %.2f of %q is below 4.5", name, colors, least.Ratio, least.Text)
		}
		graphics := read(b, chromedp.Evaluate[contrast](graphicContrasts))
		// WCAG 2.2, success criterion 1.4.11.
		if graphics.Ratio < 3 {
			b.t.Errorf("%s, %s: contrast %.2f of %s is below 3", name, colors, graphics.Ratio, graphics.Text)
		}
		b.t.Logf("%s, %s: the lowest contrast is %.2f, of %q", name, colors, least.Ratio, least.Text)
	}
	b.media()
}

// named checks the accessibility tree, which screen readers use: every control has a
// name, and the tables are tables although their rows are blocks.
func (b browser) named() {
	b.t.Helper()
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	text := func(v *accessibility.Value) string {
		if v == nil {
			return ""
		}
		return strings.Trim(string(v.Value), `"`)
	}
	roles := map[string]int{}
	for _, node := range tree.Nodes {
		if node.Ignored {
			continue
		}
		role := text(node.Role)
		roles[role]++
		if slices.Contains([]string{"button", "link", "searchbox", "table", "region", "article", "image"}, role) && text(node.Name) == "" {
			b.t.Errorf("a %s without a name", role)
		}
	}
	b.t.Logf("roles: %v", roles)
	if tables := read(b, chromedp.Evaluate[int](`[...document.querySelectorAll("table")].filter((t) => t.checkVisibility()).length`)); roles["table"] != tables {
		b.t.Errorf("%d tables for a screen reader, want %d", roles["table"], tables)
	}
}

func TestFailingFeed(t *testing.T) {
	source := &fakeSource{state: states()["failing"]}
	b, page := open(t, source, 1280, 800)
	problems := b.problems()
	b.check(map[string]string{
		"#summary":                                 "3 of 8 feeds need attention: returns (failing), customers (rejecting), stock (waiting).",
		"#account":                                 "AWS region eu-central-1",
		"#link.live":                               "Live, last change 12:00:00 UTC",
		".feed:first-child h2":                     "returns",
		".feed.failing .numbers":                   "1,204 records 1,187 stored 17 in quarantine 1 upload not done 2 failed events",
		".feed.failing .advice":                    "2 events failed. Find the cause; after the fix, retry:",
		".feed.failing .commands":                  "ingest doctor returns Copy ingest replay returns Copy",
		".feed.failing li .file":                   "s3://bucket/<b>returns</b> & more.zip",
		".feed.failing li .error":                  "unpack: read s3://bucket/<b>returns</b> & more.zip: AccessDenied: the role Returns-unpack may not use the key arn:aws:kms:eu-central-1:123456789012:key/4711",
		".feed.failing li .when":                   "2026-03-01 11:20:00 ingest status returns " + uploadID + " Copy",
		".feed.failing li:nth-child(2)":            "s3://bucket/returns-2.zip unpack: Task timed out after 900.00 seconds 2026-03-01 11:19:00 ingest logs returns --since 7d Copy",
		".feed.rejecting .advice":                  "7 files rejected in the last 7 days: none of their records could be stored. List the files, and the records with their reasons:",
		".feed.rejecting li .error":                `line 1: the header row has 1 ("id,name,city"), the feed's columns are 3 (id, name, city): another delimiter?`,
		".feed.rejecting .attention > :last-child": "and 6 more",
	})
	if title := read(b, chromedp.Title()); title != "(3) Feeds" {
		t.Errorf("title %q", title)
	}
	if n := read(b, chromedp.Evaluate[int](`document.querySelectorAll("form, [method], [contenteditable]").length`)); n != 0 {
		t.Errorf("%d elements that could change something on a read-only page", n)
	}
	// Feeds without a problem are one line each.
	if height := read(b, chromedp.Evaluate[int](`Math.max(...[...document.querySelectorAll(".feed.idle")].map((e) => e.offsetHeight))`)); height > 60 {
		t.Errorf("a feed without a problem is %d pixels high", height)
	}

	// The headline leads to the feed, which opens.
	b.do(chromedp.Click(chromedp.CSS(`#summary a[href="#feed-Returns-returns"]`)), chromedp.WaitVisible(chromedp.CSS("#feed-Returns-returns .facts")))
	b.check(map[string]string{
		".feed.failing .facts": "1,204 records in 1,187 stored 17 in quarantine unknown rows in Snowflake 1 uploads not done 2 failed events",
		".feed.failing .note":  `Rows of "RAW"."PUBLIC"."RETURNS": login failed`,
		`.feed.failing table[aria-label="Uploads of returns"] td.key`:   "<b>returns</b> & more.zip",
		`.feed.failing table[aria-label="Quarantine of returns"] tbody`: "too_many_fields 14 1 invalid_utf8 3 1",
	})

	// The page updates itself, keeps elements that have not changed, and keeps what is
	// open and focused in those that have.
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".feed.idle").dataset.kept = "yes"`))
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('.feed.failing [data-copy="ingest doctor returns"]').focus()`))
	next := states()["failing"]
	next.Feeds[0].Failed++
	source.set(next)
	b.do(chromedp.WaitVisible(chromedp.CSS("#feed-Returns-returns.changed .facts")))
	if got := read(b, chromedp.Evaluate[string](`document.activeElement.dataset.copy || ""`)); got != "ingest doctor returns" {
		t.Errorf("the focus moved to %q", got)
	}
	if !read(b, chromedp.Evaluate[bool](`document.querySelector(".feed.idle").dataset.kept === "yes"`)) {
		t.Error("a card was replaced that has not changed")
	}

	// After a recovery the feed moves to its position.
	next = states()["working"]
	recovered := failingFeed()
	recovered.State, recovered.Advice, recovered.Commands, recovered.Problems, recovered.Failed = overview.Idle, "", nil, []Problem{}, 0
	next.Feeds = append(next.Feeds, recovered)
	source.set(next)
	b.do(chromedp.WaitNotPresent(chromedp.CSS(".feed.failing")))
	b.check(map[string]string{"#summary": "9 feeds, none needs attention.", ".feed:last-child h2": "returns"})
	if all := problems(); len(all) > 0 {
		t.Errorf("the browser reports: %q", all)
	}

	// The page shows that the server has stopped.
	if err := page.Close(); err != nil {
		t.Error(err)
	}
	if got := b.text("#link.lost"); !strings.HasPrefix(got, "Not connected") {
		t.Errorf("after the end: %q", got)
	}
}

func TestWorkingFeed(t *testing.T) {
	b, _ := open(t, &fakeSource{state: states()["working"]}, 1280, 800)
	b.check(map[string]string{
		"#summary":               "8 feeds, none needs attention.",
		".feed.working .numbers": "4,218,334 records 4,180,112 stored 1 upload not done last file 2026-03-01 11:59:00",
	})
	b.do(chromedp.Click(chromedp.CSS(".feed.working .toggle")))
	b.check(map[string]string{
		".feed.working .from":                          "Stack Orders, reads s3://orders-orderssourcebucket-1x2y3z/incoming/",
		".feed.working .facts":                         "4,218,334 records in 4,180,112 stored 0 in quarantine 4,181,819 rows in Snowflake 1 uploads not done 0 failed events",
		".feed.working .note":                          "Snowflake has 1,707 rows more than records stored: it reads files or parts itself, also what DynamoDB does not have yet or has refused. Compare part by part: ingest reconcile orders Copy",
		".feed.working .history h3":                    "Loaded in the last 48 hours",
		".feed.working figcaption":                     "Records per hour, at most 1,900",
		".feed.working figure:nth-child(2) figcaption": "Bytes per hour, at most 973 kB",
	})
	if n := read(b, chromedp.Evaluate[int](`document.querySelectorAll(".feed.working figure:first-child rect.stored").length`)); n != shownHours {
		t.Errorf("%d bars, want %d", n, shownHours)
	}
	b.do(chromedp.Click(chromedp.CSS(".history summary")))
	if got := b.text(".history tbody tr"); got != "2026-03-01 12:00 1,756 0 899 kB" {
		t.Errorf("the newest hour: %q", got)
	}
}

// The filter keeps feeds whose name, stack, state or files have the text.
func TestFilter(t *testing.T) {
	b, _ := open(t, &fakeSource{state: states()["failing"]}, 1280, 800)
	for text, want := range map[string]string{
		"RETURNS": "returns", "failing": "returns", "customers.csv": "customers", "header_mismatch": "customers", "airp": "airports", "nothing like this": "",
	} {
		b.do(chromedp.Evaluate[chromedp.Void](`filter.value = ` + strconv.Quote(text) + `; filter.dispatchEvent(new Event("input"))`))
		got := read(b, chromedp.Evaluate[string](`[...document.querySelectorAll(".feed")].filter((e) => e.checkVisibility()).map((e) => e.querySelector("h2").textContent).join(" ")`))
		if got != want {
			t.Errorf("%q keeps %q, want %q", text, got, want)
		}
		matches := map[bool]string{true: "0 of 8 feeds", false: "1 of 8 feeds"}[want == ""]
		if got := b.text("#matches"); got != matches {
			t.Errorf("%q: %q, want %q", text, got, matches)
		}
	}
}

// The page works without a mouse.
func TestKeyboard(t *testing.T) {
	b, _ := open(t, &fakeSource{state: states()["failing"]}, 1280, 800)
	var order []string
	for range 12 {
		b.do(chromedp.KeyEvent("\t"))
		order = append(order, read(b, chromedp.Evaluate[string](`document.activeElement.getAttribute("aria-label") || document.activeElement.textContent || document.activeElement.id`)))
		if !read(b, chromedp.Evaluate[bool](`getComputedStyle(document.activeElement).outlineStyle !== "none"`)) {
			t.Errorf("the focus is not visible on %q", order[len(order)-1])
		}
	}
	want := []string{
		"Feeds", "returns", "customers", "stock", "filter", "returns", "Copy ingest doctor returns", "Copy ingest replay returns",
		"s3://bucket/<b>returns</b> & more.zip", "Copy ingest status returns " + uploadID, "Copy ingest logs returns --since 7d", "customers",
	}
	if !slices.Equal(order, want) {
		t.Errorf("order of focus:\n%q, want\n%q", order, want)
	}
	b.do(chromedp.KeyEvent("\r"), chromedp.WaitVisible(chromedp.CSS("#feed-Customers-customers .facts")))
	if got := read(b, chromedp.Evaluate[string](`document.activeElement.getAttribute("aria-expanded")`)); got != "true" {
		t.Errorf("aria-expanded is %q", got)
	}
}

func TestUploadPage(t *testing.T) {
	b, page := open(t, &fakeSource{state: states()["failing"]}, 1280, 800)
	problems := b.problems()
	b.do(chromedp.Click(chromedp.CSS(".feed.failing li .file a")), chromedp.WaitVisible(chromedp.CSS("#upload h2")))
	b.check(map[string]string{
		"#upload h2":        "2026/02/28/returns.zip",
		"#upload .badge":    "partial",
		"#upload .note":     "entry returns-2.csv: 17 records in quarantine",
		"#upload .facts":    "48.2 kB size of the file 702 records 685 stored 17 in quarantine 1/1 parts loaded 2026-03-01 12:00:00 started (UTC) 2026-03-01 12:00:00 unpacked (UTC) 2026-03-01 12:00:00 loaded (UTC)",
		"#upload .commands": "ingest status returns " + uploadID + " Copy ingest quarantine returns --upload " + uploadID + " Copy",
		"#upload table[aria-label=Quarantine] tbody": "returns-2.csv 3 335 too_many_fields line 9: the row has 10 fields, the header 8 <i>X</i>|Y|Z|?|?|?|?|?|?|?",
		"#upload table[aria-label=Parts] tbody":      "0000000-000000 loaded 685 685 0 20.1 kB 2026-03-01 12:00:00 2026-03-01 12:00:00",
		"#upload table[aria-label=Entries] tbody":    "0 returns-1.csv 1 returns-2.csv",
		"#upload table[aria-label=Records] tbody":    `returns-1.csv 0 {"id":"4711","amount":12345678901234567890.10}`,
	})
	if got := read(b, chromedp.Evaluate[string](`document.activeElement.tagName`)); got != "H2" {
		t.Errorf("the focus is on %s", got)
	}
	for _, width := range []int64{1280, 390} {
		b.do(chromedp.EmulateViewport(width, 844))
		b.screenshot(fmt.Sprintf("upload-%d.png", width))
		b.fits("upload")
	}
	b.contrast("upload")
	b.named()
	b.do(chromedp.Click(chromedp.CSS("#upload .back a")), chromedp.WaitVisible(chromedp.CSS("#feed-Returns-returns .facts")))
	if all := problems(); len(all) > 0 {
		t.Errorf("the browser reports: %q", all)
	}
	b.do(chromedp.Navigate(page.URL+"#upload/Returns/returns/none"), chromedp.WaitVisible(chromedp.CSS("#upload .note")))
	b.check(map[string]string{"#upload .note": `upload "none" of feed Returns/returns: not found`, "#upload .command": "ingest status returns none Copy"})
}

// While AWS cannot be reached, the page keeps the figures and shows their time.
func TestUnreachable(t *testing.T) {
	source := &fakeSource{state: stateOf(workingFeed())}
	b, _ := open(t, source, 1280, 800)
	b.check(map[string]string{"#link.live": "Live, last change 12:00:00 UTC"})
	stale := states()["unreachable"]
	source.set(stale)
	b.check(map[string]string{
		"#link.lost":             "AWS cannot be read, figures of 2026-03-01 12:00:00 UTC",
		"#problem":               stale.Error,
		"#summary":               "At 2026-03-01 12:00:00 UTC: 2 feeds, none needs attention.",
		".feed.working .numbers": "4,218,334 records 4,180,112 stored 1 upload not done last file 2026-03-01 11:59:00",
	})
	source.set(states()["unreadable"])
	b.check(map[string]string{"#link.live": "Live, last change 12:00:00 UTC", ".feed.unknown .attention": "This feed cannot be read. ingest doctor orders Copy attributes of queue failures: AccessDenied Its figures are of 2026-03-01 12:00:00 UTC."})
	removed := workingFeed()
	removed.InApp = new(bool)
	source.set(stateOf(removed))
	b.check(map[string]string{".feed.working > .note": "Stack Orders is deployed, but not in the app of the folder in which the page was started. To remove it, restore its entry, run npx cdk destroy Orders Copy and remove the entry again."})
	source.set(stateOf(neverRead()))
	b.check(map[string]string{".feed.unknown .numbers": "no figures yet", ".feed.unknown .attention": "This feed cannot be read. ingest doctor orders Copy stack Orders has no output OrdersTable"})
	never := stateOf()
	never.Figures, never.Error = time.Time{}, "list the stacks: cannot reach AWS"
	source.set(never)
	b.check(map[string]string{"#link.lost": "AWS cannot be read"})
	if got := read(b, chromedp.Evaluate[string](`document.getElementById("summary").textContent`)); got != "" {
		t.Errorf("summary of feeds that were never read: %q", got)
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

// graphicContrasts computes the lowest contrast of the border of a control, and of a bar
// of a picture, with its surroundings.
const graphicContrasts = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (c) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
  let least = { ratio: 99, text: "" };
  const check = (e, color, parent) => {
    const [a, b] = [light(rgb(color)), light(behind(parent))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least.ratio) least = { ratio, text: e.tagName + " " + (e.className.baseVal ?? e.className) };
  };
  for (const e of document.querySelectorAll("input, .copy")) if (e.checkVisibility()) check(e, getComputedStyle(e).borderTopColor, e.parentElement);
  for (const e of document.querySelectorAll("rect.stored, rect.quarantined")) if (e.checkVisibility()) check(e, getComputedStyle(e).fill, e.closest("figure svg, .spark"));
  return least;
})()`
