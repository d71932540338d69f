package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
)

func TestShowVerbs(t *testing.T) {
	c, broken := withUploads(t)
	c.Depth["orders-failures"] = 2
	for name, args := range map[string][]string{
		"list":                   {"list"},
		"status":                 {"status", "orders"},
		"status.upload":          {"status", "orders", broken.ID},
		"quarantine":             {"quarantine", "orders"},
		"quarantine.raw":         {"quarantine", "orders", "--raw", "--reason", "invalid_json"},
		"quarantine.limit":       {"quarantine", "orders", "--limit", "2", "--upload", "2026/br"},
		"quarantine.nothing":     {"quarantine", "returns"},
		"status.none":            {"status", "orders", "--state", "loaded", "--since", "2026-03-01T10:30:00Z"},
		"status.since.and.state": {"status", "orders", "--since", "2026-03-01T10:30:00Z", "--state", "unpacked"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, form := range []string{"table", "json"} {
				got := ingest(t.Context(), c.connect, append(args, "--output", form)...)
				want := result{code: exitOK}
				if name == "list" {
					want = result{code: exitFailed, errOut: "feed \"orders\" is failing: `ingest doctor orders` finds the cause\n"}
				}
				if got.code != want.code || got.errOut != want.errOut {
					t.Fatalf("%+v", got)
				}
				if form == "json" && !json.Valid([]byte(got.out)) {
					t.Errorf("invalid JSON: %s", got.out)
				}
				if form == "table" && strings.Contains(got.out, "\x1b") {
					t.Errorf("control character: %q", got.out)
				}
				golden(t, name+"."+form, got.out)
			}
		})
	}
}

func TestQuarantineReasons(t *testing.T) {
	c, _ := withUploads(t)
	for reason, want := range map[string]result{
		"invalid_jason": {exitFailed, "Feed orders has no record in quarantine for reason invalid_jason.\n", `--reason "invalid_jason": no record in quarantine has this reason, only: invalid_json, item_too_large` + "\n"},
	} {
		if got := ingest(t.Context(), c.connect, "quarantine", "orders", "--reason", reason); got != want {
			t.Errorf("%s: %+v", reason, got)
		}
	}
	if got := ingest(t.Context(), c.connect, "quarantine", "returns", "--reason", "invalid_json"); got.code != exitOK {
		t.Errorf("a feed without quarantine: %+v", got)
	}
}

// A feed that cannot be read is listed with the others.
func TestListWithAnError(t *testing.T) {
	c, _ := withUploads(t)
	delete(c.Stacks.Stacks[0].Outputs, "OrdersTable")
	got := ingest(t.Context(), c.connect, "list")
	if got.code != exitFailed || !strings.Contains(got.out, "orders   Orders   unknown") || !strings.Contains(got.out, "returns  Returns  idle") ||
		!strings.Contains(got.errOut, "stack Orders has no output OrdersTable") {
		t.Errorf("%+v", got)
	}
}

func TestUploadNames(t *testing.T) {
	c, broken := withUploads(t)
	for name, want := range map[string]string{
		broken.ID:      broken.ID,
		broken.ID[:10]: broken.ID,
		"2026/bröken":  broken.ID,
		// A key that is also the beginning of another key.
		"2026/orders.json":                    "2026/orders.json",
		"s3://orders-source/2026/orders.json": "2026/orders.json",
	} {
		got := ingest(t.Context(), c.connect, "status", "orders", name, "-o", "json")
		if got.code != exitOK || !strings.Contains(got.out, want) {
			t.Errorf("%q: %+v", name, got)
		}
	}
	for name, want := range map[string]string{
		"2026/": "4 begin with \"2026/\"", "none": "no ID or key begins with \"none\"", "00000000000000000000000000": "no ID or key",
	} {
		if got := ingest(t.Context(), c.connect, "status", "orders", name); got.code != exitFailed || !strings.Contains(got.errOut, want) {
			t.Errorf("%q: %+v", name, got)
		}
	}
}

func TestRecords(t *testing.T) {
	c, broken := withUploads(t)
	object := func(n, word string) types.AttributeValue {
		return &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
			"n": &types.AttributeValueMemberN{Value: n}, "word": &types.AttributeValueMemberS{Value: word},
		}}
	}
	c.Record(broken, 0, object("12345678901234567890123456789012345678", "<one>"))
	c.Record(broken, 1, object("2", "two, \"2\""))
	c.Record(broken, 2, &types.AttributeValueMemberS{Value: "three"})
	for name, args := range map[string][]string{
		"records":         {},
		"records.where":   {"--where", ".data.n? >= 2", "--where", ".ordinal > 0", "--upload", "2026/br", "--limit", "1"},
		"records.limit":   {"--limit", "1"},
		"records.json":    {"--output", "json"},
		"records.csv":     {"--output", "csv"},
		"records.columns": {"--output", "csv", "--columns", "ordinal,data.n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ingest(t.Context(), c.connect, append([]string{"records", "orders"}, args...)...)
			if got.code != exitOK || got.errOut != "" {
				t.Fatalf("%+v", got)
			}
			golden(t, name, got.out)
		})
	}
	if c.DB.Calls["Scan"] != 0 {
		t.Error("the table was scanned")
	}
}

func TestInvalidFlags(t *testing.T) {
	c := newAccount(t)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"output":       {[]string{"list", "--output", "xml"}, `--output "xml": ingest list prints table or json`},
		"list of one":  {[]string{"list", "orders"}, `unknown command "orders" for "ingest list"`},
		"since":        {[]string{"status", "orders", "--since", "yesterday"}, `--since "yesterday": it is a date`},
		"state":        {[]string{"status", "orders", "--state", "load"}, `--state "load": it is one of unpacking, unpacked, loaded, partial, rejected, missing`},
		"three":        {[]string{"status", "a", "b", "c"}, "a feed and at most one upload"},
		"records":      {[]string{"records", "orders", "--output", "table"}, `--output "table": ingest records prints ndjson, json or csv`},
		"query":        {[]string{"query", "orders", "-o", "ndjson"}, `--output "ndjson": ingest query prints table, json or csv`},
		"sql":          {[]string{"sql", "orders", "-o", "json"}, `--output "json": ingest sql has no other form of output`},
		"columns":      {[]string{"records", "orders", "--columns", "id"}, "--columns is for --output csv"},
		"a column":     {[]string{"records", "orders", "--output", "csv", "--columns", "n"}, `column "n": a record has no field "n"`},
		"limit":        {[]string{"records", "orders", "--limit", "-1"}, "--limit -1: it is 0"},
		"where":        {[]string{"records", "orders", "--where", ".n == 1"}, `--where: filter ".n == 1": a record has no field "n"`},
		"two folders":  {[]string{"estimate", "a", "b"}, "at most one folder"},
		"record bytes": {[]string{"estimate", "--record-bytes", "0"}, "--record-bytes 0: it is 1 or more"},
		"objects":      {[]string{"estimate", "--objects", "-1"}, "--objects -1: it is 0 or more"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ingest(t.Context(), c.connect, test.args...)
			if got.code != exitUsage || got.out != "" || !strings.Contains(got.errOut, test.want) {
				t.Errorf("%+v, want %q", got, test.want)
			}
		})
	}
}

func TestCompletionOfArguments(t *testing.T) {
	c, broken := withUploads(t)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"upload":        {[]string{"status", "orders", "2026/orders2"}, "2026/orders2.json\t2026-03-01 12:00:00\n:4\n"},
		"upload by ID":  {[]string{"status", "orders", broken.ID[:8]}, broken.ID + "\t2026/bröken\\x1b[31m.zip\n:4\n"},
		"no more":       {[]string{"status", "orders", "x", ""}, ":4\n"},
		"upload flag":   {[]string{"quarantine", "orders", "--upload", "2026/g"}, "2026/gone.json\t2026-03-01 09:00:00\n:4\n"},
		"without feed":  {[]string{"quarantine", "--upload", ""}, ":4\n"},
		"output":        {[]string{"list", "--output", ""}, "table\njson\n:4\n"},
		"state":         {[]string{"status", "orders", "--state", ""}, "unpacking\nunpacked\nloaded\npartial\nrejected\nmissing\n:4\n"},
		"record output": {[]string{"records", "--output", ""}, "ndjson\njson\ncsv\n:4\n"},
		"feed":          {[]string{"records", ""}, "orders\tstack Orders\nreturns\tstack Returns\n:4\n"},
		"unknown feed":  {[]string{"status", "none", ""}, ":1\n"},
		"feed, no more": {[]string{"records", "orders", ""}, ":4\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ingest(t.Context(), c.connect, append([]string{"__complete"}, test.args...)...)
			if got.code != exitOK || got.out != test.want {
				t.Errorf("%q, want %q", got.out, test.want)
			}
		})
	}
}

// Without a terminal, --watch prints a line for each change.
func TestWatch(t *testing.T) {
	for name, args := range map[string][]string{"watch": {"status", "orders"}, "watch.upload": {"status", "orders", "2026/orders.json"}, "watch.json": {"status", "orders", "2026/orders.json", "-o", "json"}} {
		t.Run(name, func(t *testing.T) {
			c, _ := withUploads(t)
			ctx, cancel := context.WithCancel(t.Context())
			reads := 0
			c.DB.Before = func(operation string, body []byte) (int, string) {
				// A list has a Query of each partition of the index, at the same time.
				indexed := strings.Contains(string(body), feed.LedgerIndex)
				if operation != "Query" && operation != "GetItem" || indexed && !strings.Contains(string(body), "orders#00") {
					return 0, ""
				}
				switch reads++; reads {
				case 6:
					c.Upload("orders", "2026/orders.json", at(11, 0), map[string]any{
						"state": "loaded", "entries": 1, "records": 1000, "stored": 1000, "parts": 2, "parts_loaded": 2, "unpacked_at": at(11, 1), "loaded_at": at(11, 5),
					})
				case 10:
					cancel()
				}
				return 0, ""
			}
			got := ingest(ctx, c.connect, append(args, "--watch", "--interval", "10ms")...)
			if got.code != exitOK || got.errOut != "" {
				t.Errorf("%+v", got)
			}
			golden(t, name, got.out)
		})
	}
}
