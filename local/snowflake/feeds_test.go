package snowflake

import (
	"fmt"
	"strconv"
	"testing"

	"example.com/ingestion/feed"
	sf "example.com/ingestion/snowflake"
)

const topic = "arn:aws:sns:us-east-1:123456789012:objects"

func planOf(t *testing.T, spec sf.Spec) sf.Plan {
	t.Helper()
	spec.Feed, spec.Database, spec.Schema, spec.Table, spec.ExternalID = "orders", "RAW", "PUBLIC", "ORDERS", "orders-4711"
	if spec.Load == sf.Bulk {
		spec.Schedule = "17 2 * * *"
	}
	plan, err := spec.Plan(sf.Names{Owner: "1/r/s", Bucket: "landing", RoleARN: "arn:aws:iam::123456789012:role/r", TopicARN: topic})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// deploy creates a spec's objects and returns the plan.
func (f *fixture) deploy(t *testing.T, spec sf.Spec) sf.Plan {
	t.Helper()
	plan := planOf(t, spec)
	for _, o := range plan.Objects() {
		f.exec(t, o.Create()...)
	}
	return plan
}

// load loads existing files with the spec's method to load.
func (f *fixture) load(t *testing.T, plan sf.Plan) {
	t.Helper()
	if plan.Task != nil {
		f.exec(t, plan.Task.Execute())
	}
	if err := f.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func part(n int, data string) string {
	return fmt.Sprintf(`{"id":"u/%07d/%012d","feed":"orders","upload":"u","source":"s3://x/y","version":"v","entry":"e","ordinal":%d,"data":%s}`+"\n", 0, n, n, data)
}

// versionOf is a line of a part, of an upload whose source object has the time of a day.
func versionOf(upload string, day int, data string) string {
	return fmt.Sprintf(`{"id":"%s/0000000/000000000001","feed":"orders","source":"s3://x/y","version":"v","source_time":"2026-01-%02dT00:00:00.000Z","entry":"e","ordinal":1,"data":%s}`+"\n", upload, day, data)
}

func change(event string, sequence int, key, data string) string {
	if data != "" {
		data = `,"data":` + data
	}
	return fmt.Sprintf(`{"event":%q,"sequence":"%040d","event_id":"e%d","changed_at":"2026-01-02T03:04:05Z","pk":%q,"sk":"s","id":"i"%s}`+"\n", event, sequence, sequence, key, data)
}

// With every source of rows and every method to load, the view has each record once,
// with the declared types.
func TestFeeds(t *testing.T) {
	typed := []sf.Column{{Name: "NAME"}, {Name: "N", Path: "deep.n", Type: "NUMBER(10,2)"}}
	for name, c := range map[string]struct {
		spec   sf.Spec
		folder string
		files  []string
		rows   int
		query  string
		want   []string
	}{
		"parts": {
			sf.Spec{From: sf.FromParts, Format: feed.Format{Kind: feed.JSON}, Columns: []sf.Column{{Name: "NAME", Path: "name"}, {Name: "N", Path: "deep.n", Type: "NUMBER(10,2)"}}},
			"landing/orders/2026/01/02/u/",
			[]string{part(1, `{"name":"a\"b","deep":{"n":1.50}}`) + part(2, `{"name":null,"deep":{"n":"x"}}`), part(3, `{"name":7}`)},
			3,
			`SELECT ID, NAME, N FROM RAW.PUBLIC.ORDERS_RECORDS ORDER BY ID`,
			[]string{`u/0000000/000000000001|a"b|1.50`, "u/0000000/000000000002|NULL|NULL", "u/0000000/000000000003|7|NULL"},
		},
		"parts in the order of their numbers": {
			sf.Spec{From: sf.FromParts, Format: feed.Format{Kind: feed.JSON}},
			"landing/orders/2026/01/02/u/",
			[]string{part(9, "9") + part(10, "10"), part(100, "100")},
			3,
			`SELECT ORDINAL FROM RAW.PUBLIC.ORDERS_RECORDS WHERE ORDINAL > 8 ORDER BY ORDINAL`,
			[]string{"9", "10", "100"},
		},
		"values that the type cannot hold, and empty texts": {
			sf.Spec{From: sf.FromParts, Format: feed.Format{Kind: feed.JSON}, Columns: []sf.Column{{Name: "N", Path: "n", Type: "NUMBER"}, {Name: "DAY", Path: "at", Type: "DATE"}, {Name: "T", Path: "t"}}},
			"landing/orders/2026/01/02/u/",
			[]string{part(1, `{"n":"x","at":"y","t":""}`) + part(2, `{"n":"","at":null}`), part(3, `{"n":1,"at":"2026-01-02","t":" "}`) + part(4, `{"n":{},"at":"2026-01-02","t":null}`)},
			4,
			`SELECT N, DAY, T, "_CONVERSION_ERRORS", DATA:n FROM RAW.PUBLIC.ORDERS_RECORDS ORDER BY ID`,
			[]string{`NULL|NULL||N,DAY|"x"`, `NULL|NULL|NULL|NULL|""`, "1|2026-01-02T00:00:00Z| |NULL|1", "NULL|2026-01-02T00:00:00Z|NULL|N|{}"},
		},
		"the newest of each key, whatever the order of the files": {
			sf.Spec{From: sf.FromParts, Format: feed.Format{Kind: feed.JSON}, Key: []string{"c.id", "n"}},
			"landing/orders/2026/01/02/u/",
			[]string{
				versionOf("b", 3, `{"c":{"id":7},"n":1,"v":"newest"}`),
				versionOf("a", 2, `{"c":{"id":"7"},"n":1,"v":"older"}`) + versionOf("c", 1, `{"c":{"id":8},"n":1,"v":"first"}`),
				versionOf("d", 1, `{"c":{"id":8},"n":1,"v":"same time"}`) + versionOf("e", 9, `{"c":{"id":""},"n":1}`) + versionOf("f", 9, `{"c":{"id":{}},"n":1}`) + versionOf("g", 9, `{"n":1}`),
			},
			7,
			`SELECT DATA:c.id::VARCHAR, DATA:v::VARCHAR, SOURCE_TIME FROM RAW.PUBLIC.ORDERS_LATEST ORDER BY 1`,
			[]string{"7|newest|2026-01-03T00:00:00Z", "8|same time|2026-01-01T00:00:00Z"},
		},
		"the newest of each key in the table": {
			sf.Spec{From: sf.FromTable, Format: feed.Format{Kind: feed.JSON}, Key: []string{"c"}},
			"changes/orders/2026/01/02/",
			[]string{change("INSERT", 1, "p1", `{"c":1,"v":1}`) + change("INSERT", 2, "p2", `{"c":1,"v":2}`), change("MODIFY", 4, "p1", `{"c":1,"v":3}`) + change("REMOVE", 5, "p2", "")},
			4,
			`SELECT DATA:v, CHANGED_AT FROM RAW.PUBLIC.ORDERS_LATEST`,
			[]string{"3|2026-01-02T03:04:05Z"},
		},
		"files csv with a key": {
			sf.Spec{
				From: sf.FromFiles, Prefix: "in/", Format: feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"id", "price"}},
				Columns: []sf.Column{{Name: "PRICE", Path: "price", Type: "NUMBER(12,2)"}}, Key: []string{"id"},
			},
			"in/",
			[]string{"id|price\n1|2.5\n2|none\n", "id|price\n1|\n|9\n"},
			4,
			`SELECT DATA, PRICE, "_CONVERSION_ERRORS", SOURCE FROM "RAW"."PUBLIC"."ORDERS_LATEST" ORDER BY 1`,
			[]string{`{"id":"1","price":""}|NULL|NULL|s3://landing/in/1.x`, `{"id":"2","price":"none"}|NULL|PRICE|s3://landing/in/0.x`},
		},
		"files csv": {
			sf.Spec{
				From: sf.FromFiles, Prefix: "in/", Format: feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"id", "price"}},
				Columns: []sf.Column{{Name: "ID", Path: "id"}, {Name: "PRICE", Path: "price", Type: "NUMBER(12,2)"}},
			},
			"in/",
			[]string{"id|price\n1|2.5\n2|none\n", "id|price\n3|\n"},
			3,
			`SELECT ID, PRICE, "_FILE_NAME", "_FILE_ROW" FROM "RAW"."PUBLIC"."ORDERS_RECORDS" ORDER BY ID`,
			[]string{"1|2.50|in/0.x|1", "2|NULL|in/0.x|2", "3|NULL|in/1.x|1"},
		},
		"files ndjson": {
			sf.Spec{From: sf.FromFiles, Prefix: "in/", Format: feed.Format{Kind: feed.NDJSON}, Columns: typed[:1]},
			"in/",
			[]string{`{"NAME":"x"}` + "\n" + `{"NAME":true}` + "\n", `{"NAME":{"k":1.0}}`},
			3,
			`SELECT NAME, COUNT(*) AS N FROM RAW.PUBLIC.ORDERS_RECORDS GROUP BY NAME ORDER BY NAME`,
			[]string{"true|1", "x|1", `{"k":1}|1`},
		},
		"table": {
			sf.Spec{From: sf.FromTable, Format: feed.Format{Kind: feed.JSON}, Columns: []sf.Column{{Name: "NAME", Path: "name"}}},
			"changes/orders/2026/01/02/",
			[]string{
				change("INSERT", 1, "p1", `{"name":"old"}`) + change("INSERT", 2, "p2", `{"name":"deleted"}`),
				change("MODIFY", 4, "p1", `{"name":"new"}`) + change("REMOVE", 5, "p2", ""), change("MODIFY", 3, "p1", `{"name":"late"}`),
			},
			5,
			`SELECT PK, NAME FROM RAW.PUBLIC.ORDERS_RECORDS`,
			[]string{"p1|new"},
		},
	} {
		for _, load := range []sf.Load{sf.Continuous, sf.Bulk, sf.ExternalTable} {
			t.Run(name+" "+string(load), func(t *testing.T) {
				f := start(t)
				c.spec.Load = load
				plan := f.deploy(t, c.spec)
				for i, content := range c.files {
					f.bucket.put(t, fmt.Sprintf("%s%d.x", c.folder, i), content)
				}
				f.load(t, plan)
				f.want(t, c.query, c.want...)
				// With repeated notifications and runs, no record is duplicated.
				for i, content := range c.files {
					f.bucket.put(t, fmt.Sprintf("%s%d.x", c.folder, i), content)
				}
				f.load(t, plan)
				f.want(t, c.query, c.want...)
				f.want(t, `SELECT COUNT(DISTINCT "_FILE_NAME") FROM RAW.PUBLIC.ORDERS`, strconv.Itoa(len(c.files)))
				f.want(t, `SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS`, strconv.Itoa(c.rows)) // no file was loaded twice
			})
		}
	}
}
