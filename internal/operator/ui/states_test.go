package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

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

func (s *fakeSource) Versions(_ context.Context, feedName string, key []string) (VersionsView, error) {
	if v := versionsView(); feedName == v.Stack+"/"+v.Feed && slices.Equal(key, v.Key) {
		return v, nil
	}
	return VersionsView{}, fmt.Errorf("key of feed %q: %w", feedName, ErrNotFound)
}

func versionsView() VersionsView {
	of := func(feedName, source string, ordinal int64, data string) Version {
		return Version{Record: Record{Entry: "e.csv", Ordinal: ordinal, Data: data}, Feed: feedName, Source: source, Upload: uploadID}
	}
	return VersionsView{
		Feed: "returns", Stack: "Returns", Fields: []string{"region", "id"}, Key: []string{"eu/west", "4711"}, More: true,
		List:     []Version{of("returns", "s3://bucket/new.csv", 3, `{"v":"<b>2</b>"}`), of("orders", "s3://bucket/old.csv", 0, `{"v":1}`)},
		Commands: []string{"ingest records returns --key eu/west --key 4711"},
	}
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
		RecordList: []Record{{ID: uploadID + "/0000000/000000000000", Entry: "returns-1.csv", Key: []string{"eu/west", "4711"}, Data: `{"id":"4711","amount":12345678901234567890.10}`}},
		Commands:   []string{"ingest status returns " + uploadID, "ingest quarantine returns --upload " + uploadID}, MoreQuarantine: true,
	}
}
