package feed_test

import (
	"reflect"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

func valid() feed.Spec {
	return feed.Spec{Feed: "orders", Format: feed.Format{Kind: feed.JSON}}.WithDefaults()
}

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		change func(*feed.Spec)
		want   string // empty: valid
	}{
		"defaults": {func(*feed.Spec) {}, ""},
		"path":     {func(s *feed.Spec) { s.Format.Path = "a.b" }, ""},
		"csv": {func(s *feed.Spec) {
			s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"a", "b"}}
		}, ""},
		"no name":            {func(s *feed.Spec) { s.Feed = "" }, `feed "": Feed: is required`},
		"long name":          {func(s *feed.Spec) { s.Feed = strings.Repeat("a", 41) }, "has 41 characters, the limit is 40"},
		"upper case":         {func(s *feed.Spec) { s.Feed = "Orders" }, `feed "Orders": Feed: may have lower-case letters`},
		"hash":               {func(s *feed.Spec) { s.Feed = "or#ders" }, "may have lower-case letters"},
		"no slash":           {func(s *feed.Spec) { s.LandingPrefix = "landing" }, `LandingPrefix: "landing" must end with a slash`},
		"leading slash":      {func(s *feed.Spec) { s.LandingPrefix = "/landing/" }, "starts with a slash"},
		"empty prefix":       {func(s *feed.Spec) { s.QuarantinePrefix = "" }, "QuarantinePrefix: is empty"},
		"landing in changes": {func(s *feed.Spec) { s.LandingPrefix = "changes/x/" }, `LandingPrefix: "changes/x/" and "changes/" overlap`},
		"quarantine around":  {func(s *feed.Spec) { s.QuarantinePrefix = "changes/" }, `QuarantinePrefix: "changes/" and "changes/" overlap`},
		"overlapping":        {func(s *feed.Spec) { s.QuarantinePrefix = "landing/bad/" }, "overlap"},
		"source slash":       {func(s *feed.Spec) { s.Sources = []feed.Source{{Prefix: "/in"}} }, `Source.Prefix: "/in" starts with a slash`},
		"tiny parts":         {func(s *feed.Spec) { s.PartBytes = 1 }, "PartBytes: 1 is outside 8192 to 536870912"},
		"no format":          {func(s *feed.Spec) { s.Format = feed.Format{} }, "Format: is required"},
		"unknown format":     {func(s *feed.Spec) { s.Format.Kind = "xml" }, `Format.Kind: "xml" is none of ["json" "ndjson" "csv"`},
		"path in NDJSON":     {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.NDJSON, Path: "a"} }, "has no enclosing document"},
		"Latin-1":            {func(s *feed.Spec) { s.Format.Encoding = feed.Latin1 }, ""},
		"other encoding":     {func(s *feed.Spec) { s.Format.Encoding = "ebcdic" }, `Format.Encoding: "ebcdic" is none of ["latin1" "utf-16le"`},
		"empty key":          {func(s *feed.Spec) { s.Format.Path = "a..b" }, "has an empty key"},
		"delimiter in JSON":  {func(s *feed.Spec) { s.Format.Delimiter = "|" }, "for CSV only"},
		"no delimiter":       {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV} }, "Format.Delimiter: is required"},
		"quotes in JSON":     {func(s *feed.Spec) { s.Format.Quotes = feed.NoQuotes }, "for CSV only"},
		"other quotes": {func(s *feed.Spec) {
			s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", Quotes: "single"}
		}, `Format.Quotes: "single" is neither "none" nor "trust"`},
		"no quotes": {func(s *feed.Spec) {
			s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", Quotes: feed.NoQuotes}
		}, ""},
		"quote as delimiter": {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: `"`} }, "must have 1 to 20 bytes of UTF-8"},
		"long delimiter":     {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: strings.Repeat("|", 21)} }, "must have 1 to 20 bytes"},
		"two characters":     {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: "||"} }, ""},
		"other character":    {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: "§"} }, ""},
		"all options of CSV": {func(s *feed.Spec) {
			s.Format = feed.Format{
				Kind: feed.CSV, Delimiter: "|", Escape: `\`, SkipLines: 2, Comment: "#", Trim: true, TrailingDelimiter: true,
				NoHeader: true, Columns: []string{"a"}, Encoding: "ibm1140",
			}
		}, ""},
		"options of CSV in JSON": {func(s *feed.Spec) { s.Format.SkipLines, s.Format.Trim = 1, true }, "Format: SkipLines, Trim: for CSV only, this is json"},
		"NaN in CSV":             {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", NaNAsNull: true} }, "Format.NaNAsNull: belongs to JSON, this is csv"},
		"Parquet":                {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.Parquet, NaNAsNull: true} }, ""},
		"Parquet with options":   {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.Parquet, Delimiter: "|"} }, "Format: Delimiter: for CSV only, this is parquet"},
		"Parquet with encoding":  {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.Parquet, Encoding: feed.Latin1} }, "Parquet is UTF-8"},
		"Parquet with path":      {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.Parquet, Path: "a"} }, "belongs to JSON"},
		"NaN as null":            {func(s *feed.Spec) { s.Format.NaNAsNull = true }, ""},
		"long escape":            {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", Escape: `\n`} }, "Format.Escape: "},
		"delimiter as escape":    {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", Escape: "|"} }, "other than a quote and the delimiter"},
		"negative lines":         {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", SkipLines: -1} }, "Format.SkipLines: -1 is outside 0 to 1000"},
		"comment of two lines":   {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", Comment: "a\n"} }, "Format.Comment: "},
		"no header, no columns":  {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", NoHeader: true} }, "Format.NoHeader: requires Columns"},
		"trimmed delimiter":      {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: "\t", Trim: true} }, "are the delimiter"},
		"fixed width": {func(s *feed.Spec) {
			s.Format = feed.Format{Kind: feed.FixedWidth, Columns: []string{"a", "b"}, Widths: []int{1, 20}, SkipLines: 1, Comment: "#"}
		}, ""},
		"fixed width without columns": {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.FixedWidth} }, "Format.Columns: is required for fixed-width text"},
		"widths of other columns": {func(s *feed.Spec) {
			s.Format = feed.Format{Kind: feed.FixedWidth, Columns: []string{"a", "b"}, Widths: []int{1}}
		}, "Format.Widths: has 1 widths for 2 columns"},
		"no width": {func(s *feed.Spec) {
			s.Format = feed.Format{Kind: feed.FixedWidth, Columns: []string{"a"}, Widths: []int{0}}
		}, "Format.Widths: 0 of column 1 is outside 1 to 100000"},
		"delimiter in fixed width": {func(s *feed.Spec) {
			s.Format = feed.Format{Kind: feed.FixedWidth, Columns: []string{"a"}, Widths: []int{1}, Delimiter: "|"}
		}, "Format: Delimiter: for CSV only, this is fixed_width"},
		"widths in CSV":  {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", Widths: []int{1}} }, "Format.Widths: belongs to fixed-width text, this is csv"},
		"widths in JSON": {func(s *feed.Spec) { s.Format.Widths = []int{1} }, "Format: Widths: for CSV only"},
		"column twice": {func(s *feed.Spec) {
			s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"a", "a"}}
		}, `"a" is given twice`},
		"column without name": {func(s *feed.Spec) { s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"a", ""}} }, "column 2 has no name"},
		"depth":               {func(s *feed.Spec) { s.Limits.MaxDepth = 99 }, "Limits.MaxDepth: 99 is outside 1 to 16"},
		"records limit":       {func(s *feed.Spec) { s.Limits.MaxRecordsPerByte = 1001 }, "Limits.MaxRecordsPerByte: 1001 is outside 1 to 1000"},
		"columns limit":       {func(s *feed.Spec) { s.Limits.MaxColumns = -1 }, "Limits.MaxColumns: -1 is outside 1 to 1000000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := valid()
			test.change(&s)
			err := s.Validate()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestValidateReportsAllErrors(t *testing.T) {
	s := feed.Spec{Feed: "X", LandingPrefix: "a", PartBytes: 1}
	err := s.Validate()
	if err == nil {
		t.Fatal("valid")
	}
	for _, field := range []string{"Feed:", "LandingPrefix:", "QuarantinePrefix:", "PartBytes:", "Format:", "Limits.MaxRatio:"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not in %v", field, err)
		}
	}
}

func TestEnvironmentRoundTrip(t *testing.T) {
	want := valid()
	want.Sources = []feed.Source{{Kind: feed.OwnBucket, Suffixes: []string{".json"}}}
	text, err := want.Env()
	if err != nil {
		t.Fatal(err)
	}
	got, err := feed.FromEnv(func(string) string { return text })
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("FromEnv = %+v, %v", got, err)
	}
	for _, bad := range []string{"", "{", `{"feed":"X"}`} {
		if _, err := feed.FromEnv(func(string) string { return bad }); err == nil || !strings.Contains(err.Error(), feed.EnvSpec) {
			t.Errorf("FromEnv of %q: %v", bad, err)
		}
	}
}

func TestSourcesOfTheEnvironment(t *testing.T) {
	for want, source := range map[string]feed.Source{
		"":                              {Kind: feed.ExternalBucket, Bucket: "theirs", EveryMinutes: 1440},
		"Sources[1].EveryMinutes: 0 is": {Kind: feed.ExternalBucket, Bucket: "theirs"},
		"EveryMinutes: 1441 is outside": {Kind: feed.ExternalBucket, Bucket: "theirs", EveryMinutes: 1441},
		`Bucket: is required for kind "existing"`: {Kind: feed.ExistingBucket},
		`Kind: "other" is none of own, existing`:  {Kind: "other", Bucket: "b"},
		`Kind: "own" is given twice`:              {Kind: feed.OwnBucket},
	} {
		s := valid()
		s.Sources = []feed.Source{{Kind: feed.OwnBucket}, source}
		text, err := s.Env()
		if err != nil {
			t.Fatal(err)
		}
		_, err = feed.FromEnv(func(string) string { return text })
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestIsFolderMarker(t *testing.T) {
	for key, sizes := range map[string][2]bool{"a/": {true, false}, "a": {false, false}} {
		if got := [2]bool{feed.IsFolderMarker(key, 0), feed.IsFolderMarker(key, 1)}; got != sizes {
			t.Errorf("%q: %v", key, got)
		}
	}
}

func TestSourceOf(t *testing.T) {
	s := feed.Spec{Sources: []feed.Source{
		{Kind: feed.OwnBucket, Prefix: "in/", Suffixes: []string{".json", ".gz"}},
		{Kind: feed.ExternalBucket, Bucket: "theirs", Prefix: "a/"},
		{Kind: feed.ExternalBucket, Bucket: "theirs", Prefix: "b/"},
	}}
	for object, want := range map[[2]string]int{
		{"mine", "in/a.json"}: 0, {"mine", "in/a.gz"}: 0, {"mine", "in/a.csv"}: -1, {"mine", "out/a.json"}: -1, {"mine", "in/"}: -1, // because of its suffix
		{"theirs", "a/x"}: 1, {"theirs", "b/x"}: 2, {"theirs", "a/b/"}: 1,
		// A bucket that a source names is not the feed's own.
		{"theirs", "in/a.json"}: -1,
	} {
		source, ok := s.SourceOf(object[0], object[1])
		if ok != (want >= 0) || ok && !reflect.DeepEqual(source, s.Sources[want]) {
			t.Errorf("SourceOf(%q) = %v, %v", object, source, ok)
		}
	}
}

func TestRecords(t *testing.T) {
	for size, want := range map[int64]int64{0: 1_000_000, 100_000: 1_000_000, 1 << 30: 10 << 30} {
		if got := (feed.Limits{}).Records(size); got != want {
			t.Errorf("%d bytes: %d records, want %d", size, got, want)
		}
	}
	if got := (feed.Limits{MaxRecordsPerByte: 100}).Records(1 << 20); got != 100<<20 {
		t.Errorf("%d records", got)
	}
}
