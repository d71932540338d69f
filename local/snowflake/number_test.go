package snowflake

import (
	"strings"
	"testing"

	"example.com/ingestion/feed"
	sf "example.com/ingestion/snowflake"
)

func TestVariantNumber(t *testing.T) {
	long := strings.Repeat("1", 38)
	for text, want := range map[string]string{
		"1.10": "1.1", "1.0": "1", "-0": "0", "0.00": "0", "100": "100", "-12.500": "-12.5",
		long: long, "0." + long[:37]: "0." + long[:37], long + "2": "111111111111111100000000000000000000000",
		"1.912e2": "191.2", "1E+3": "1000", "5e-1": "0.5", "1e999": "1e999",
	} {
		if got := variantNumber(text); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	const document = ` {"1.10":"1.10 \" 2.0","a":[1.10,{"b":-2.0}],"c":null} `
	if got, want := variant([]byte(document)), ` {"1.10":"1.10 \" 2.0","a":[1.1,{"b":-2}],"c":null} `; got != want {
		t.Errorf("document %s, want %s", got, want)
	}
}

// The views convert a number of the file, however it is written, and the key is the same
// for equal numbers, as in the table's index by key.
func TestNumbersOfViews(t *testing.T) {
	f := start(t)
	plan := f.deploy(t, sf.Spec{
		From: sf.FromParts, Load: sf.Continuous, Format: feed.Format{Kind: feed.JSON}, Key: []string{"k"},
		Columns: []sf.Column{{Name: "PRICE", Path: "p", Type: "NUMBER(12,2)"}, {Name: "T", Path: "p"}},
	})
	f.bucket.put(t, "landing/orders/2026/01/02/u/1.x",
		versionOf("a", 1, `{"k":10,"p":1.10}`)+versionOf("b", 2, `{"k":10.0,"p":1.2e2}`)+versionOf("c", 3, `{"k":1e1,"p":"1.10"}`))
	f.load(t, plan)
	f.want(t, `SELECT PRICE, T, "_CONVERSION_ERRORS" FROM RAW.PUBLIC.ORDERS_RECORDS ORDER BY ID`, "1.10|1.1|NULL", "120.00|120|NULL", "1.10|1.10|NULL")
	f.want(t, `SELECT PRICE FROM RAW.PUBLIC.ORDERS_LATEST`, "1.10")
}

// A value of 16 MB is loaded with its envelope, a larger one refuses the whole file.
func TestLargeValues(t *testing.T) {
	f := start(t)
	plan := f.deploy(t, parts())
	text := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	f.bucket.put(t, "landing/orders/2026/01/02/u/1", part(1, text(maxValue)))
	f.load(t, plan)
	f.want(t, `SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS`, "1")
	f.bucket.put(t, "landing/orders/2026/01/02/u/2", part(2, "1")+part(3, text(maxValue+1)))
	f.load(t, plan)
	f.want(t, `SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS`, "1")
	if got := strings.Join(f.rows(t, `SELECT FIRST_ERROR_MESSAGE FROM TABLE(RAW.INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME=>'ORDERS',START_TIME=>DATEADD(HOUR,-1,CURRENT_TIMESTAMP())))`), "|"); !strings.Contains(got, "Max LOB size (16777216) exceeded, actual size of parsed column is 16777217") {
		t.Errorf("history %s", got)
	}
}
