package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/sqltext"
	"example.com/ingestion/local/feedtest"
	"example.com/ingestion/local/sandbox"
	"example.com/ingestion/local/snowflake"
)

// count returns the result of a query for a number.
func (w *fixture) count(t *testing.T, query string) int64 {
	t.Helper()
	var n int64
	if err := w.db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// rows counts a feed's records in the view, and its rows in the raw table.
func (w *fixture) rows(t *testing.T, f *feedtest.Feed) (view, table int64) {
	t.Helper()
	w.idle(t)
	view = w.count(t, "SELECT COUNT(*) FROM "+f.Warehouse.View.Name())
	if f.Warehouse.Table != nil {
		table = w.count(t, "SELECT COUNT(*) FROM "+f.Warehouse.Table.Name())
	}
	return view, table
}

// rowsInSnowflake compares Snowflake with the ledger after the steps before, invalid
// files included.
func rowsInSnowflake(t *testing.T, w *fixture) {
	for _, f := range []*feedtest.Feed{w.quakes, w.movies, w.flights} {
		uploads, err := f.Uploads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var due int64
		for _, u := range uploads {
			due += u.Stored
			if f != w.movies {
				due += u.RejectedByLoad // it is in a part, which Snowflake reads
			}
		}
		if view, _ := w.rows(t, f); view != due || due == 0 {
			t.Errorf("%s: %d records are due in Snowflake, it has %d", f.Name, due, view)
		}
	}
	// Snowflake reads this feed's files itself, also records that unpack quarantines.
	if view, _ := w.rows(t, w.airports); view != 0 {
		t.Errorf("%d rows before the task has run", view)
	}
	if err := w.airports.RunTask(t.Context(), w.db); err != nil {
		t.Fatal(err)
	}
	w.idle(t)
	samples, err := feedtest.Samples(w.repo)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range samples["Airports"] {
		n := w.count(t, "SELECT COUNT(*) FROM "+w.airports.Warehouse.View.Name()+" WHERE _FILE_NAME = '"+file.Key+"'")
		if n != file.Records {
			t.Errorf("%s has %d records, Snowflake %d rows", file.Key, file.Records, n)
		}
	}
	var city string
	if err := w.db.QueryRowContext(t.Context(), "SELECT CITY FROM "+w.airports.Warehouse.View.Name()+" WHERE IATA = 'ZRH' OR IATA = 'SFO' LIMIT 1").Scan(&city); err != nil || city != "San Francisco" {
		t.Errorf("SFO is in %q, error %v", city, err)
	}
	// The VARIANT equals the record of the file.
	n := w.count(t, "SELECT COUNT(*) FROM "+w.quakes.Warehouse.View.Name()+" WHERE MAGNITUDE > 5 AND PLACE IS NOT NULL")
	if n == 0 {
		t.Error("no strong earthquake: are the view's columns right?")
	}
}

// changesOfTheTable changes and deletes records through DynamoDB's API.
func changesOfTheTable(t *testing.T, w *fixture) {
	f := w.movies
	before, _ := w.rows(t, f)
	items, err := f.FirstItems(t.Context(), w.ledgerOf(t, f, "new/movies.ndjson"), 2)
	if err != nil || len(items) != 2 {
		t.Fatalf("%d items, error %v", len(items), err)
	}
	key := func(i int) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{feed.PartitionKey: items[i][feed.PartitionKey], feed.SortKey: items[i][feed.SortKey]}
	}
	if _, err := f.DB.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &f.Table, Key: key(0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.DB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &f.Table, Key: key(1), UpdateExpression: aws.String("SET #d.#t = :t"),
		ExpressionAttributeNames:  map[string]string{"#d": "data", "#t": "Title"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":t": &types.AttributeValueMemberS{Value: "Another Title"}},
	}); err != nil {
		t.Fatal(err)
	}
	after, table := w.rows(t, f)
	if after != before-1 || table != before+2 {
		t.Errorf("the view had %d rows and has %d, the table has %d changes", before, after, table)
	}
	if n := w.count(t, `SELECT COUNT(*) FROM `+f.Warehouse.View.Name()+` WHERE DATA:"Title"::VARCHAR = 'Another Title'`); n != 1 {
		t.Errorf("%d rows have the new title", n)
	}
}

// changedProps deploys changes one after the other, with files before and after.
func changedProps(t *testing.T, w *fixture) {
	put := func(f *feedtest.Feed, key string, body []byte, n int64) {
		t.Helper()
		before, tableBefore := w.rows(t, f)
		w.put(t, f, feedtest.File{Key: key, Body: body})
		if err := f.RunTask(t.Context(), w.db); err != nil {
			t.Fatal(err)
		}
		after, table := w.rows(t, f)
		if after != before+n || table != tableBefore+n {
			t.Errorf("%s: %d records more; the view had %d rows and has %d, the table %d and %d", key, n, before, after, tableBefore, table)
		}
	}
	deploy := func(stack string, edits ...string) {
		t.Helper()
		if err := w.deployEdited(t, w.editedApp(t, edits...), stack); err != nil {
			t.Fatal(err)
		}
	}
	same := func(f *feedtest.Feed, what string, change func()) {
		t.Helper()
		view, table := w.rows(t, f)
		change()
		if v, n := w.rows(t, f); v != view || n != table {
			t.Errorf("%s: the view had %d rows and has %d, the table %d and %d", what, view, v, table, n)
		}
	}

	same(w.quakes, "another column", func() {
		deploy("Earthquakes", `{Name: "PLACE", Path: "properties.place"},`, `{Name: "PLACE", Path: "properties.place"}, {Name: "KIND", Path: "type"},`)
	})
	put(w.quakes, "after another column.json", features(5, nil), 5)
	// Two of the bad records have no such member.
	if n := w.count(t, "SELECT COUNT(*) FROM "+w.quakes.Warehouse.View.Name()+" WHERE KIND IS NULL"); n != 2 {
		t.Errorf("%d rows lack the new column", n)
	}

	schedule := []string{"17 2 * * *", "18 3 * * 1-5"}
	same(w.airports, "another schedule", func() { deploy("Airports", schedule...) })
	w.airports = w.feed(t, "Airports")
	put(w.airports, "after another schedule.csv", rows(7, nil), 7)

	// A column that the files have not had so far.
	column := append(slices.Clone(schedule), `"latitude", "longitude"),`, `"latitude", "longitude", "height"),`)
	same(w.airports, "another column of the files", func() { deploy("Airports", column...) })
	higher := bytes.ReplaceAll(bytes.ReplaceAll(rows(6, nil), []byte("longitude"), []byte("longitude|height")), []byte("|-2"), []byte("|-2|430"))
	put(w.airports, "after another column.csv", higher, 6)
	if n := w.count(t, "SELECT COUNT(*) FROM "+w.airports.Warehouse.View.Name()+" WHERE HEIGHT = '430'"); n != 6 {
		t.Errorf("%d rows have a height", n)
	}

	// From the task to a pipe: COPY and pipes have separate load histories, so the
	// table may then have rows twice; the view does not.
	view, _ := w.rows(t, w.airports)
	pipe := append([]string{`constructs.Bulk("17 2 * * *")`, "constructs.Continuous()"}, column[2:]...)
	deploy("Airports", pipe...)
	w.airports = w.feed(t, "Airports")
	if v, _ := w.rows(t, w.airports); v != view {
		t.Errorf("task to pipe: the view had %d rows and has %d", view, v)
	}
	put(w.airports, "by the pipe.csv", higher, 6)

	prefix := append(slices.Clone(pipe), "Source: constructs.NewBucket(),\n\t\t\tFormat: constructs.CSV(", "Source: constructs.NewBucket(constructs.WithPrefix(\"2027/\")),\n\t\t\tFormat: constructs.CSV(")
	same(w.airports, "another prefix", func() { deploy("Airports", prefix...) })
	put(w.airports, "2027/after another prefix.csv", higher, 6)

	var out bytes.Buffer
	if err := w.env.CDK(t.Context(), &out, "diff", "--fail", "--method=template", "--app", w.editedApp(t, prefix...), "Airports"); err != nil {
		t.Errorf("cdk diff reports differences: %v\n%s", err, out.String())
	}
}

// refusedDeploys lets Snowflake refuse a deployment for one reason after another: each
// fails, reports the reason, and leaves nothing in Snowflake.
func refusedDeploys(t *testing.T, w *fixture) {
	if err := w.env.Destroy(t.Context(), &bytes.Buffer{}, "Flights"); err != nil {
		t.Fatal(err)
	}
	// The role of Flights is deleted by now; that of Earthquakes serves.
	grant := "GRANT CREATE STAGE ON SCHEMA RAW.PUBLIC TO ROLE " + sandbox.Role
	role := w.quakes.Warehouse.Integration.RoleARN
	for _, test := range []struct {
		name          string
		before, after func() error
		edits         []string
		want          []string
	}{
		{"wrong key", func() error { return w.putOtherKey(t) }, func() error { return w.env.PutKey(t.Context(), w.env.Key) }, nil, []string{"390144", sandbox.User, "RSA_PUBLIC_KEY"}},
		{
			"missing privilege",
			func() error { return w.admin(t, "REVOKE CREATE STAGE ON SCHEMA RAW.PUBLIC FROM ROLE "+sandbox.Role) },
			func() error { return w.admin(t, grant) },
			nil,
			[]string{"Insufficient privileges", "GRANT CREATE STAGE ON SCHEMA"},
		},
		{"missing database", nil, nil, flightsWith(`Database: "NOWHERE",`), []string{"NOWHERE", "does not exist or not authorized", "CREATE DATABASE"}},
		{
			"wrong external ID",
			func() error {
				return w.admin(t, "CREATE STORAGE INTEGRATION BY_HAND TYPE=EXTERNAL_STAGE STORAGE_PROVIDER='S3' ENABLED=TRUE STORAGE_AWS_ROLE_ARN='"+role+
					"' STORAGE_AWS_EXTERNAL_ID='another' STORAGE_ALLOWED_LOCATIONS=('s3://"+w.flights.LandingBucket+"/')",
					"GRANT USAGE ON INTEGRATION BY_HAND TO ROLE "+sandbox.Role)
			},
			func() error { return w.admin(t, "DROP STORAGE INTEGRATION BY_HAND") },
			flightsWith(`Integration: "BY_HAND", ExistingIntegration: true,`),
			[]string{"BY_HAND", "not authorized to perform: sts:AssumeRole", "external ID"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.before != nil {
				if err := test.before(); err != nil {
					t.Fatal(err)
				}
			}
			// Each build needs another source; a comment is enough.
			edits := test.edits
			if edits == nil {
				edits = []string{"// The data stay in S3; queries read them there.", "// As before."}
			}
			err := w.deployEdited(t, w.editedApp(t, edits...), "Flights")
			if test.after != nil {
				if err := test.after(); err != nil {
					t.Fatal(err)
				}
			}
			if err == nil {
				t.Fatal("the deployment did not fail")
			}
			// The CLI wraps long lines.
			said := strings.Join(strings.Fields(err.Error()), " ")
			t.Logf("%.1500s", said)
			for _, want := range test.want {
				if !strings.Contains(said, want) {
					t.Errorf("the reason does not say %q", want)
				}
			}
			w.missing(t, "FLIGHTS")
			if out, err := w.env.Outputs(t.Context(), "Flights"); err == nil && len(out) > 0 {
				t.Errorf("the stack is not rolled back: %v", out)
			}
		})
	}
}

// flightsWith is the edit that adds to the Snowflake props of Flights.
func flightsWith(props string) []string {
	const table = `Table: "FLIGHTS",`
	return []string{table, table + " " + props}
}

// scriptByHand deploys a feed without a connection to Snowflake, and then runs the
// script of `ingest sql`.
func scriptByHand(t *testing.T, w *fixture) {
	app := w.editedApp(t, flightsWith(`Principal: "`+snowflake.IAMUserARN+`", ExternalID: "flights-by-hand",`)...)
	if err := w.deployEdited(t, app, "Flights"); err != nil {
		t.Fatal(err)
	}
	w.missing(t, "FLIGHTS")
	cmd := exec.CommandContext(t.Context(), filepath.Join(w.repo, "bin", "ingest"), "sql", "flights")
	cmd.Env = w.env.Environ()
	var problems bytes.Buffer
	cmd.Stderr = &problems
	script, err := cmd.Output()
	if err != nil || problems.Len() > 0 {
		t.Fatalf("ingest sql: %v\n%s", err, problems.String())
	}
	statements, err := sqltext.Statements(string(script))
	if err != nil {
		t.Fatal(err)
	}
	// The script is repeatable, which a user needs until the new role has propagated.
	for err = w.admin(t, statements...); err != nil; err = w.admin(t, statements...) {
		if !strings.Contains(err.Error(), "propagate") {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
	}
	w.flights = w.feed(t, "Flights")
	f := w.flights
	var stored int64
	uploads, err := f.Uploads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uploads {
		stored += u.Stored
	}
	w.expected[f] = len(uploads)
	if view, _ := w.rows(t, f); view != stored {
		t.Errorf("%d records are stored, Snowflake has %d", stored, view)
	}
	w.put(t, f, feedtest.File{Key: "by hand.json", Body: []byte(`[{"origin":"ZRH","destination":"SFO","delay":3}]`)})
	if view, _ := w.rows(t, f); view != stored+1 {
		t.Errorf("%d records are stored, Snowflake has %d", stored+1, view)
	}
}

// missing checks that Snowflake has neither objects of a table nor an integration for it.
func (w *fixture) missing(t *testing.T, table string, left ...string) {
	t.Helper()
	for _, kind := range []string{"TABLES", "EXTERNAL TABLES", "VIEWS", "PIPES", "TASKS", "STREAMS", "STAGES", "FILE FORMATS"} {
		w.none(t, kind, "SHOW "+kind+" LIKE '"+table+"%' IN SCHEMA RAW.PUBLIC", left)
	}
	w.none(t, "INTEGRATIONS", "SHOW STORAGE INTEGRATIONS LIKE '"+table+"%'", left)
}

func (w *fixture) none(t *testing.T, kind, show string, left []string) {
	t.Helper()
	names, err := feedtest.Listed(t.Context(), w.db, show)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !slices.Contains(left, kind+" "+name) {
			t.Errorf("%s %s is left in Snowflake", kind, name)
		}
	}
}

func (w *fixture) admin(t *testing.T, statements ...string) error {
	t.Helper()
	return w.env.Snowflake.Exec(t.Context(), statements...)
}

// putOtherKey puts a key into the secret that Snowflake does not know.
func (w *fixture) putOtherKey(t *testing.T) error {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return w.env.PutKey(t.Context(), key)
}

// destroyMovies destroys a feed; its Snowflake table is retained.
func destroyMovies(t *testing.T, w *fixture) {
	_, before := w.rows(t, w.movies)
	if err := w.env.Destroy(t.Context(), &bytes.Buffer{}, "Movies"); err != nil {
		t.Fatal(err)
	}
	w.missing(t, "MOVIES", "TABLES MOVIES")
	if n := w.count(t, "SELECT COUNT(*) FROM "+w.movies.Warehouse.Table.Name()); n != before {
		t.Errorf("the table had %d rows and has %d", before, n)
	}
}
