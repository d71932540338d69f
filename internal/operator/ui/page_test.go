package ui

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"example.com/ingestion/internal/operator/overview"
)

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
		"#upload table[aria-label=Records] tbody":    `returns-1.csv 0 eu/west, 4711 {"id":"4711","amount":12345678901234567890.10}`,
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

// The records with a key are reached from a record of an upload.
func TestVersionsPage(t *testing.T) {
	b, page := open(t, &fakeSource{state: states()["failing"]}, 1280, 800)
	problems := b.problems()
	b.do(
		chromedp.Navigate(page.URL+"#upload/Returns/returns/"+uploadID), chromedp.WaitVisible(chromedp.CSS("#upload table[aria-label=Records] a")),
		chromedp.Click(chromedp.CSS("#upload table[aria-label=Records] a")), chromedp.WaitVisible(chromedp.CSS("#upload table[aria-label=Versions]")),
	)
	b.check(map[string]string{
		"#upload h2":        "region eu/west, id 4711",
		"#upload h3":        "The newest 2 versions",
		"#upload .commands": "ingest records returns --key eu/west --key 4711 Copy",
		"#upload table[aria-label=Versions] tbody": `s3://bucket/new.csv e.csv 3 {"v":"<b>2</b>"} s3://bucket/old.csv (feed orders) e.csv 0 {"v":1}`,
	})
	for _, width := range []int64{1280, 390} {
		b.do(chromedp.EmulateViewport(width, 844))
		b.fits("versions")
	}
	b.contrast("versions")
	b.named()
	b.do(chromedp.Click(chromedp.CSS("#upload table[aria-label=Versions] a")), chromedp.WaitVisible(chromedp.CSS("#upload table[aria-label=Records]")))
	if all := problems(); len(all) > 0 {
		t.Errorf("the browser reports: %q", all)
	}
	b.do(chromedp.Navigate(page.URL+"#versions/Returns/returns/none"), chromedp.WaitVisible(chromedp.CSS("#upload .note")))
	b.check(map[string]string{"#upload .note": `key of feed "Returns/returns": not found`})
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
