package snowflake_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

func TestValidate(t *testing.T) {
	long := strings.Repeat("a", 249)
	type change = func(*snowflake.Spec)
	files := func(format feed.Format, more change) change {
		return func(s *snowflake.Spec) {
			*s = mode(snowflake.FromFiles, snowflake.Continuous, format)
			if more != nil {
				more(s)
			}
			*s = s.WithDefaults()
		}
	}
	for name, test := range map[string]struct {
		change change
		want   string // after `feed "my-orders": Snowflake.`; empty: valid
	}{
		"defaults":         {func(*snowflake.Spec) {}, ""},
		"no database":      {func(s *snowflake.Spec) { s.Database = "" }, `Database: is required`},
		"no schema":        {func(s *snowflake.Spec) { s.Schema = "" }, `Schema: is required`},
		"no table":         {func(s *snowflake.Spec) { s.Table = "" }, `Table: is required`},
		"long table":       {func(s *snowflake.Spec) { s.Table = long }, `Table: has 249 characters, the limit is 248, because the names derived from it may have 255`},
		"long view":        {func(s *snowflake.Spec) { s.View = long + "1234567" }, `View: has 256 characters, the limit is 255`},
		"longest table":    {func(s *snowflake.Spec) { s.Table = strings.Repeat("ä", 248) }, ""},
		"NUL":              {func(s *snowflake.Spec) { s.Schema = "a\x00b" }, `Schema: "a\x00b" has the character NUL, which is not allowed in SQL`},
		"not UTF-8":        {func(s *snowflake.Spec) { s.Integration = "\xff" }, `Integration: "\xff" is not UTF-8`},
		"view is table":    {func(s *snowflake.Spec) { s.View = "Orders" }, `View: "Orders" is also the table's name: tables and views share one namespace, choose another name`},
		"no external ID":   {func(s *snowflake.Spec) { s.ExternalID = "" }, `ExternalID: has 0 characters, IAM allows 2 to 1224`},
		"bad external ID":  {func(s *snowflake.Spec) { s.ExternalID = "a b" }, `ExternalID: "a b" may only have letters, digits and _+=,.@:/-`},
		"existing":         {func(s *snowflake.Spec) { s.ExternalID, s.ExistingIntegration = "", true }, ""},
		"unknown from":     {func(s *snowflake.Spec) { s.From = "queue" }, `From: "queue" is not one of parts, files, table: use FromParts(), FromFiles() or FromTable()`},
		"unknown load":     {func(s *snowflake.Spec) { s.Load = "slow" }, `Load: "slow" is not one of continuous, bulk, external: use Continuous(), Bulk("17 2 * * *") or ExternalTable()`},
		"no prefix":        {func(s *snowflake.Spec) { s.Prefix = "" }, `Prefix: is empty: the bucket is shared, so the feed's objects need a prefix`},
		"open prefix":      {func(s *snowflake.Spec) { s.Prefix = "landing/orders" }, `Prefix: "landing/orders" must end with a slash: without it the stage includes other prefixes that start with the same text; with FromFiles end the source's prefix with a slash`},
		"leading slash":    {func(s *snowflake.Spec) { s.Prefix = "/landing/" }, `Prefix: "/landing/" starts with a slash: keys of S3 objects do not`},
		"prefix with line": {func(s *snowflake.Spec) { s.Prefix = "a\n/" }, `Prefix: "a\n/" has control characters or is not UTF-8`},
		"long prefix":      {func(s *snowflake.Spec) { s.Prefix = strings.Repeat("a", 512) + "/" }, `Prefix: has 513 bytes, the limit is 512`},
		"suffixes":         {func(s *snowflake.Spec) { s.Suffixes = []string{".json"} }, `Suffixes: [".json"] limit source files and are only allowed with FromFiles`},
		"schedule":         {func(s *snowflake.Spec) { s.Schedule = "1 2 * * *" }, `Schedule: "1 2 * * *" is only allowed with Bulk, the load is continuous: it loads each object when it arrives`},
		"time zone":        {func(s *snowflake.Spec) { s.TimeZone = "UTC" }, `TimeZone: "UTC" is only allowed with Bulk, the load is continuous`},
		"no schedule":      {func(s *snowflake.Spec) { s.Load, s.TimeZone = snowflake.Bulk, "UTC" }, `Load: Bulk needs a schedule: five fields, such as "17 2 * * *" for every night at 02:17`},
		"bad schedule":     {func(s *snowflake.Spec) { s.Load, s.TimeZone, s.Schedule = snowflake.Bulk, "UTC", "1 25 * * *" }, `Load: Bulk: "1 25 * * *": hour: "25" is neither * nor a value or range of 0 to 23, with or without a step`},
		"bad time zone":    {func(s *snowflake.Spec) { s.Load, s.TimeZone, s.Schedule = snowflake.Bulk, "CEST", "1 2 * * *" }, `TimeZone: "CEST" is not an IANA time zone: write UTC or, for example, Europe/Berlin`},
		"machine's zone":   {func(s *snowflake.Spec) { s.Load, s.TimeZone, s.Schedule = snowflake.Bulk, "Local", "1 2 * * *" }, `TimeZone: "Local" is not an IANA time zone: write UTC or, for example, Europe/Berlin`},

		"files, JSON":    {files(json, nil), ""},
		"files, CSV":     {files(csv, nil), ""},
		"files, whole":   {files(json, func(s *snowflake.Spec) { s.Prefix, s.Suffixes = "", nil }), ""},
		"files, path":    {files(feed.Format{Kind: feed.JSON, Path: "features"}, nil), `From: FromFiles cannot read the records under "features" inside a document: use FromParts()`},
		"files, fixed":   {files(feed.Format{Kind: feed.FixedWidth, Columns: []string{"a"}, Widths: []int{1}}, nil), `From: FromFiles cannot read fixed-width text: use FromParts()`},
		"files, zip":     {files(json, func(s *snowflake.Spec) { s.Suffixes = []string{".gz", ".ZIP"} }), `From: FromFiles cannot read ".ZIP": Snowflake reads gzip, bzip2, zstd and deflate, but no archives or other compressions: use FromParts()`},
		"files, tar.gz":  {files(json, func(s *snowflake.Spec) { s.Suffixes = []string{".tar.gz"} }), `From: FromFiles cannot read ".tar.gz": Snowflake reads gzip, bzip2, zstd and deflate, but no archives or other compressions: use FromParts()`},
		"files, any":     {files(json, func(s *snowflake.Spec) { s.Suffixes = []string{""} }), `Suffixes: has an empty suffix, which matches every key: remove Suffixes to load all files`},
		"files, no head": {files(feed.Format{Kind: feed.CSV, Delimiter: "|"}, nil), `From: FromFiles creates the table with the header's columns, and CSV() names none: name them, or use FromParts()`},
		"files, Latin-1": {files(feed.Format{Kind: feed.NDJSON, Encoding: feed.Latin1}, nil), `From: FromFiles cannot read ndjson in latin1: Snowflake reads JSON in UTF-8 only: use FromParts()`},
		"files, case": {
			files(feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"a b", "A B"}}, func(s *snowflake.Spec) { s.Columns = nil }),
			`From: FromFiles matches column names case-insensitively, and the header has "A B" twice: use FromParts()`,
		},
		"files, own column": {
			files(feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"_file_name"}}, func(s *snowflake.Spec) { s.Columns = nil }),
			`From: FromFiles cannot create a table with the header's column "_file_name", which is reserved: use FromParts()`,
		},
		"files, other column": {
			files(csv, func(s *snowflake.Spec) { s.Columns = []snowflake.Column{{Name: "total", Type: "FLOAT"}} }),
			`Columns[0].Path: "total" is not a column of the header, which has ["id" "name" "net price"]`,
		},

		"column twice":   {columns(snowflake.Column{Name: "a"}, snowflake.Column{Name: "A"}), `Columns[1].Name: "A" is given twice: names without quotes are case-insensitive`},
		"no column name": {columns(snowflake.Column{Path: "a"}), `Columns[0].Name: is required`},
		"own column":     {columns(snowflake.Column{Name: "_loaded_at"}), `Columns[0].Name: "_loaded_at" is reserved for a column of the view: choose another name, with Path "_loaded_at"`},
		"partition":      {columns(snowflake.Column{Name: "_DATE", Path: "day"}), `Columns[0].Name: "_DATE" is reserved for a column of the view: choose another name, with Path "day"`},
		"id":             {columns(snowflake.Column{Name: "id"}), ""},
		"id and _id":     {columns(snowflake.Column{Name: "id"}, snowflake.Column{Name: "_id"}), `Columns: "ID" and "_ID" are both given, and the view needs one of them for its column ID: choose another name for one`},
		"empty key":      {columns(snowflake.Column{Name: "a", Path: "a..b"}), `Columns[0].Path: "a..b" has an empty key: write object keys separated by dots, such as "properties.mag"`},
		"NUL in path":    {columns(snowflake.Column{Name: "a", Path: "\x00"}), `Columns[0].Path: "\x00" has the character NUL, which is not allowed in SQL`},
		"dots in name":   {columns(snowflake.Column{Name: "a..b"}), ""},
		"DATA and _DATA": {columns(snowflake.Column{Name: "data"}, snowflake.Column{Name: "_data"}), `Columns: "DATA" and "_DATA" are both given, and the view needs one of them for its column DATA: choose another name for one`},
		"errors":         {columns(snowflake.Column{Name: "_conversion_errors", Path: "e"}), `Columns[0].Name: "_conversion_errors" is reserved for a column of the view: choose another name, with Path "e"`},
		"key":            {func(s *snowflake.Spec) { s.Key = []string{"a..b"} }, `Key: path "a..b" has an empty key: write object keys separated by dots, such as "customer.name"`},
		"key, no column": {files(csv, func(s *snowflake.Spec) { s.Columns, s.Key = nil, []string{"net.price"} }), `Key: "net.price" is not a column of the header, which has ["id" "name" "net price"]: use FromParts() where a shape makes it`},
		"key, view":      {func(s *snowflake.Spec) { s.Key, s.View = []string{"a"}, "Orders_latest" }, `View: "Orders_latest" is the name of the view with the newest record of each key, which a feed with a RecordKey has too: choose another name`},
		"no key, view":   {func(s *snowflake.Spec) { s.View = "Orders_latest" }, ""},
		"unknown type":   {columns(snowflake.Column{Name: "a", Type: "STRNG"}), `Columns[0].Type: "STRNG" is not a data type of Snowflake`},
		"injected type":  {columns(snowflake.Column{Name: "a", Type: "FLOAT) FROM X --"}), `Columns[0].Type: "FLOAT) FROM X --" is not a data type of Snowflake`},
		"precision":      {columns(snowflake.Column{Name: "a", Type: "NUMBER(40)"}), `Columns[0].Type: "NUMBER(40)": parameter 1 is outside 1 to 38`},
		"scale":          {columns(snowflake.Column{Name: "a", Type: "NUMBER(3,5)"}), `Columns[0].Type: "NUMBER(3,5)": the scale 5 is more than the precision 3`},
		"three":          {columns(snowflake.Column{Name: "a", Type: "NUMBER(3,1,1)"}), `Columns[0].Type: "NUMBER(3,1,1)": NUMBER takes at most 2 parameters in parentheses`},
		"open bracket":   {columns(snowflake.Column{Name: "a", Type: "NUMBER(3"}), `Columns[0].Type: "NUMBER(3": NUMBER takes at most 2 parameters in parentheses`},
		"length":         {columns(snowflake.Column{Name: "a", Type: "VARCHAR(10)"}), `Columns[0].Type: "VARCHAR(10)" has a length, and longer text would be lost: leave the length out, it costs nothing`},
		"types":          {columns(snowflake.Column{Name: "a", Type: "double  precision"}, snowflake.Column{Name: "b", Type: "Timestamp_TZ( 3 )"}, snowflake.Column{Name: "c", Type: "decimal(38,37)"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := mode(snowflake.FromParts, snowflake.Continuous, json).WithDefaults()
			test.change(&s)
			got := ""
			if err := s.Validate(); err != nil {
				got = err.Error()
			}
			want := ""
			if test.want != "" {
				want = `feed "my-orders": Snowflake.` + test.want
			}
			// One mistake may cause further errors.
			if got != want && (want == "" || !slices.Contains(strings.Split(got, "\n"), want)) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func columns(all ...snowflake.Column) func(*snowflake.Spec) {
	return func(s *snowflake.Spec) {
		s.Columns = all
		*s = s.WithDefaults()
	}
}

func TestViewTypes(t *testing.T) {
	for _, kind := range []string{"TIMESTAMP", "OBJECT", "ARRAY", "BINARY", "GEOGRAPHY", "CHAR(3)"} {
		s := mode(snowflake.FromParts, snowflake.Continuous, json).WithDefaults()
		s.Columns = []snowflake.Column{{Name: "a", Type: kind}}
		want := `"` + kind + `" cannot be the type of a view's column, which is converted from text and must mean the same in every session: use one of BIGINT, BOOLEAN`
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestValidateReportsAllErrors(t *testing.T) {
	s := snowflake.Spec{Feed: "x", From: "a", Load: "b", Prefix: "/", Columns: []snowflake.Column{{Type: "c"}}}
	err := s.WithDefaults().Validate()
	if err == nil {
		t.Fatal("valid")
	}
	for _, field := range []string{"Database:", "Schema:", "Table:", "ExternalID:", "From:", "Load:", "Prefix:", "Columns[0].Name:", "Columns[0].Type:"} {
		if !strings.Contains(err.Error(), `feed "x": Snowflake.`+field) {
			t.Errorf("%s is not in %v", field, err)
		}
	}
}

func TestSchedules(t *testing.T) {
	for schedule, want := range map[string]string{
		"* * * * *":               "",
		"*/15 0-6,22 1 JAN-MAR 0": "",
		"0 0 L * *":               "",
		"0 0 * * 5L":              "",
		"0 0 * * friL":            "",
		"0 0 * dec sun,MON":       "",
		"  5   4 * * *  ":         "",
		"0 0 * *":                 `has 4 fields, a schedule has 5`,
		"@daily":                  `has 1 fields, a schedule has 5`,
		"0 0 0 * * *":             `has 6 fields`,
		"60 * * * *":              `minute: "60" is neither * nor a value or range of 0 to 59`,
		"-1 * * * *":              `minute: "-1" is neither * nor a value or range of 0 to 59`,
		"* * 0 * *":               `day of month: "0" is neither * nor a value or range of 1 to 31`,
		"* * 5L * *":              `day of month: "5L": only a day of the week may precede L`,
		"* * * 13 *":              `month: "13" is neither * nor a value or range of 1 to 12`,
		"* * * * 7":               `day of week: "7" is neither * nor a value or range of 0 to 6`,
		"* * * * 7L":              `day of week: "7" is neither * nor a value or range of 0 to 6`,
		"5-1 * * * *":             `minute: "5-1" is neither * nor a value or range of 0 to 59`,
		"*/0 * * * *":             `minute: "*/0" is neither * nor a value or range of 0 to 59`,
		"*/x * * * *":             `minute: "*/x" is neither * nor a value or range of 0 to 59`,
		"1,,2 * * * *":            `minute: "" is neither * nor a value or range of 0 to 59`,
		"1;2 * * * *":             `minute: "1;2" is neither * nor a value or range of 0 to 59`,
		"' OR 1 * * * *":          `has 7 fields`,
	} {
		s := mode(snowflake.FromParts, snowflake.Bulk, json)
		s.Schedule = schedule
		err := s.WithDefaults().Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), "Snowflake.Load: Bulk: ") || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", schedule, err, want)
		}
	}
}
