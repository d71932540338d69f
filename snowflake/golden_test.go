package snowflake_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/sqltext"
	"example.com/ingestion/local/snowflake/sqlparser"
	"example.com/ingestion/snowflake"
)

var (
	csv    = feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"id", "name", "net price"}}
	json   = feed.Format{Kind: feed.JSON}
	ndjson = feed.Format{Kind: feed.NDJSON}
)

func names() snowflake.Names {
	return snowflake.Names{
		Owner: "111122223333/us-east-1/Orders", Bucket: "orders-bucket",
		RoleARN:  "arn:aws:iam::111122223333:role/orders-snowflake",
		TopicARN: "arn:aws:sns:us-east-1:111122223333:objects",
	}
}

// mode returns a spec with a source of rows and a method to load.
func mode(from snowflake.From, load snowflake.Load, format feed.Format) snowflake.Spec {
	s := snowflake.Spec{
		Feed: "my-orders", Database: "RAW", Schema: "PUBLIC", Table: "orders", ExternalID: "orders-4711",
		From: from, Load: load, Format: format,
		Columns: []snowflake.Column{
			{Name: "id"},
			{Name: "Mag", Path: "properties.mag", Type: "float"},
			{Name: "at", Path: "properties.time", Type: "timestamp_ntz(3)"},
			{Name: "raw", Path: "properties", Type: "VARIANT"},
		},
	}
	if format.Kind == feed.CSV {
		s.Columns = []snowflake.Column{{Name: "id"}, {Name: "name"}, {Name: "PRICE", Path: "net price", Type: "NUMBER(12, 2)"}}
	}
	if from == snowflake.FromFiles {
		s.Prefix = "incoming/"
		s.Suffixes = []string{".txt", ".txt.gz"}
	}
	if load == snowflake.Bulk {
		s.Schedule, s.TimeZone = "17 2 * * *", "Europe/Berlin"
	}
	return s
}

func modes() map[string]snowflake.Spec {
	all := map[string]snowflake.Spec{}
	for _, load := range []snowflake.Load{snowflake.Continuous, snowflake.Bulk, snowflake.ExternalTable} {
		all["parts-"+string(load)] = mode(snowflake.FromParts, load, json)
		all["table-"+string(load)] = mode(snowflake.FromTable, load, csv)
		for _, format := range []feed.Format{csv, json, ndjson} {
			all["files-"+string(format.Kind)+"-"+string(load)] = mode(snowflake.FromFiles, load, format)
		}
	}
	for _, from := range []snowflake.From{snowflake.FromParts, snowflake.FromTable} {
		keyed := mode(from, snowflake.Continuous, json)
		keyed.Key, keyed.Columns = []string{"customer.id", `a\.b`}, keyed.Columns[:2]
		all["key-"+string(from)] = keyed
	}
	for _, load := range []snowflake.Load{snowflake.Bulk, snowflake.ExternalTable} {
		keyed := mode(snowflake.FromFiles, load, csv)
		keyed.Key = []string{"id"}
		all["key-files-"+string(load)] = keyed
	}
	plain := mode(snowflake.FromParts, snowflake.Continuous, json)
	plain.Columns, plain.ExistingIntegration, plain.Integration, plain.Stream = nil, true, "shared", true
	all["parts-no-columns"] = plain
	stream := mode(snowflake.FromFiles, snowflake.ExternalTable, json)
	stream.Columns, stream.Suffixes, stream.Stream = nil, nil, true
	all["files-external-stream"] = stream
	return all
}

// operations returns the statements of an object by their purpose.
func operations(o snowflake.Object, plan snowflake.Plan) []struct {
	name       string
	statements []string
} {
	type operation = struct {
		name       string
		statements []string
	}
	all := []operation{{"create", o.Create()}, {"alter", o.Alter()}}
	at := time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	switch o := o.(type) {
	case snowflake.StorageIntegration:
		all = append(all, operation{"validate", []string{o.Validate(plan.StageURL())}})
	case snowflake.Table:
		all = append(all, operation{"describe columns", []string{o.DescribeColumns()}})
	case snowflake.External:
		all = append(all, operation{"replace", []string{o.Replace()}}, operation{"refresh", []string{o.Refresh()}})
	case snowflake.Pipe:
		all = append(all, operation{"replace", []string{o.Pause(), o.Status(), o.Grants(), o.Replace(), o.Resume(), o.ForceResume(), o.Refresh(at)}},
			operation{"refresh", []string{o.Refresh(time.Time{})}})
	case snowflake.Task:
		all = append(all, operation{"suspend", []string{o.Suspend()}}, operation{"execute", []string{o.Execute(), o.History()}})
	}
	return append(all, operation{"describe", []string{o.Describe()}}, operation{"drop", []string{o.Drop()}})
}

// TestGolden compares every statement of every mode with testdata/<mode>.sql.
// `make snapshots` updates the files.
func TestGolden(t *testing.T) {
	for name, spec := range modes() {
		t.Run(name, func(t *testing.T) {
			plan, err := spec.Plan(names())
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			fmt.Fprintf(&b, "-- %s\n", plan.StageURL())
			for _, o := range plan.Objects() {
				for _, operation := range operations(o, plan) {
					if len(operation.statements) == 0 {
						continue // the kind cannot be altered
					}
					fmt.Fprintf(&b, "\n-- %s %s: %s\n", o.Kind(), o.Name(), operation.name)
					for _, statement := range operation.statements {
						b.WriteString(statement + ";\n")
						if err := sqlparser.Check(statement); err != nil {
							t.Errorf("%v:\n%s", err, statement)
						}
					}
				}
			}
			golden(t, name+".sql", b.String())
		})
	}
}

// TestMisspelledOptions shows that the check of the other tests is strict: it
// rejects every generated statement in which one option is misspelled.
func TestMisspelledOptions(t *testing.T) {
	for name, spec := range modes() {
		plan, err := spec.Plan(names())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range plan.Objects() {
			statement := o.Create()[0]
			for _, option := range optionRE.FindAllStringSubmatchIndex(statement, -1) {
				broken := statement[:option[3]] + "X" + statement[option[3]:]
				if sqlparser.Check(broken) == nil {
					t.Errorf("%s: passes with %q", name, broken[option[2]:option[3]+1])
				}
			}
		}
	}
}

// optionRE matches <option>=, but not column names and conditions.
var optionRE = regexp.MustCompile(`([A-Z_]{4,})=[^>]`)

func TestScript(t *testing.T) {
	for name, spec := range map[string]snowflake.Spec{
		"script-continuous": mode(snowflake.FromParts, snowflake.Continuous, json),
		"script-bulk":       mode(snowflake.FromFiles, snowflake.Bulk, csv),
		"script-external":   mode(snowflake.FromTable, snowflake.ExternalTable, json),
	} {
		t.Run(name, func(t *testing.T) {
			spec.Readers = []string{"analyst", "My Readers"}
			script, err := snowflake.Script(spec, names(), "loader", "wh")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".sql", script)
			statements, err := sqltext.Statements(script)
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range statements {
				if err := sqlparser.Check(statement); err != nil {
					t.Errorf("%v:\n%s", err, statement)
				}
			}
			// Each object is created once, after the grants that it needs.
			plan, err := spec.Plan(names())
			if err != nil {
				t.Fatal(err)
			}
			last := -1
			for _, o := range plan.Objects() {
				at := strings.Index(script, o.Create()[0]+";\n")
				if at <= last {
					t.Errorf("%s %s is at %d, after %d", o.Kind(), o.Name(), at, last)
				}
				last = at
			}
		})
	}
}

func TestScriptErrors(t *testing.T) {
	spec := mode(snowflake.FromParts, snowflake.Continuous, json)
	spec.Table = ""
	_, err := snowflake.Script(spec, names(), "", "w\x00h")
	want := `feed "my-orders": Snowflake.Table: is required
feed "my-orders": Snowflake.Connection.Role: is required
feed "my-orders": Snowflake.Connection.Warehouse: "w\x00h" has the character NUL, which is not allowed in SQL`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// golden compares got with a file of testdata. With UPDATE_SNAPS=true it writes
// the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if os.Getenv("UPDATE_SNAPS") == "true" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run `make snapshots` to write it", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if the change is intended, run `make snapshots`\ngot:\n%s", path, got)
	}
}
