package fileformat

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// show formats rows: number@line, then the fields in angle brackets, ~ for NULL.
func show(rows []Row) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%d@%d", r.Number, r.Line)
		for _, f := range r.Fields {
			b.WriteString(field(f))
		}
		b.Write(r.Document)
		b.WriteString("; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func field(f sql.NullString) string {
	if !f.Valid {
		return "<~>"
	}
	return "<" + f.String + ">"
}

// read reads text at once and byte by byte, which must have the same result.
func read(t *testing.T, f Format, text string) (string, []Row, error) {
	t.Helper()
	collect := func(r io.Reader) (rows []Row, err error) {
		err = Read(f, r, func(r Row) error {
			rows = append(rows, r)
			return nil
		})
		return rows, err
	}
	rows, err := collect(strings.NewReader(text))
	slow, slowErr := collect(iotest.OneByteReader(strings.NewReader(text)))
	if show(rows) != show(slow) || fmt.Sprint(err) != fmt.Sprint(slowErr) {
		t.Errorf("byte by byte: %s, %v; at once: %s, %v", show(slow), slowErr, show(rows), err)
	}
	return show(rows), rows, err
}

func piped(change func(*Format)) Format {
	f := Default(CSV)
	f.FieldDelimiter, f.FieldOptionallyEnclosedBy, f.EscapeUnenclosedField = "|", `"`, ""
	f.NullIf, f.ErrorOnColumnCountMismatch = []string{"NULL", `\N`}, false
	change(&f)
	return f
}

func TestCSV(t *testing.T) {
	plain := func(*Format) {}
	strict := func(f *Format) { f.ErrorOnColumnCountMismatch, f.Columns = true, 2 }
	tests := map[string]struct {
		change     func(*Format)
		text, want string
		fails      string
	}{
		"plain":               {plain, "a|b\nc|d\n", "1@1<a><b>; 2@2<c><d>", ""},
		"no last line feed":   {plain, "a|b\nc|", "1@1<a><b>; 2@2<c><~>", ""},
		"CRLF":                {plain, "a|b\r\nc|\"d\"\r\n", "1@1<a><b>; 2@2<c><d>", ""},
		"carriage return":     {plain, "a\rb|c\n", "1@1<a\rb><c>", ""},
		"byte order mark":     {plain, "\ufeff\"a\"|b\n", "1@1<a><b>", ""},
		"empty":               {plain, "", "", ""},
		"quotes":              {plain, `"a|b"|"c""d"|""` + "\n", `1@1<a|b><c"d><>`, ""},
		"quote inside":        {plain, `a"b|c""` + "\n", `1@1<a"b><c"">`, ""},
		"line feed in quotes": {plain, "\"a\nb\r\nc\"|d\ne|f\n", "1@1<a\nb\r\nc><d>; 2@4<e><f>", ""},
		"null":                {plain, `NULL|"NULL"|\N|null|` + "\n", `1@1<~><NULL><~><null><~>`, ""},
		"empty is not null":   {func(f *Format) { f.EmptyFieldAsNull = false }, "a|\n", "1@1<a><>", ""},
		"backslash":           {plain, `a\|b\` + "\nc|d\n", `1@1<a\><b\>; 2@2<c><d>`, ""},
		"escape":              {func(f *Format) { f.EscapeUnenclosedField = `\` }, `a\|b|\N|x\\` + "\nc\\\nd|e\\", `1@1<a|b><~><x\>; 2@2<c` + "\n" + `d><e>`, ""},
		"escape in quotes":    {func(f *Format) { f.Escape = `\` }, `"a\"b"|c` + "\n", `1@1<a"b><c>`, ""},
		"long delimiter":      {func(f *Format) { f.FieldDelimiter = "||" }, "a|b||c\n", "1@1<a|b><c>", ""},
		"no quotes":           {func(f *Format) { f.FieldOptionallyEnclosedBy = "" }, `"a|b"` + "\n", `1@1<"a><b">`, ""},
		"digits":              {plain, "99999999999999999999999999999999999999|1e400\n", "1@1<99999999999999999999999999999999999999><1e400>", ""},
		"spaces":              {plain, " a | \"b\"\n", "1@1< a >< \"b\">", ""},
		"trim":                {func(f *Format) { f.TrimSpace = true }, " a | \"b \" |  |\n", "1@1<a><b ><~><~>", ""},
		"skip header":         {func(f *Format) { f.SkipHeader = 2 }, "\"x\ny\"|z\na|b\n", "1@3<a><b>", ""},
		"skip more than all":  {func(f *Format) { f.SkipHeader = 3 }, "x\ny\n", "", ""},
		"parse header":        {func(f *Format) { f.ParseHeader = true }, "h1|\"h\n2\"|NULL\na|b\nc|d|e|f\n", "1@3<a><b><~>; 2@4<c><d><e>", ""},
		"header only":         {func(f *Format) { f.ParseHeader = true }, "h1|h2", "", ""},
		"blank lines":         {plain, "a|b\n\nc|d\n", "1@1<a><b>; 2@2<~>; 3@3<c><d>", ""},
		"skip blank lines":    {func(f *Format) { f.SkipBlankLines = true }, "a|b\n\n\r\n\"\"\n|\n\n", "1@1<a><b>; 2@4<>; 3@5<~><~>", ""},
		"mismatch":            {strict, "a|b\nc\n", "1@1<a><b>", "Number of columns in file (1) does not match that of the corresponding table (2), use file format option error_on_column_count_mismatch=false to ignore this error, line 2, row 2"},
		"blank and strict":    {strict, "a|b\n\n", "1@1<a><b>", "End of record reached while expected to parse column 2, line 2, row 2, column 2"},
		"after the quote":     {plain, "x\n\"a\"bc|d\n", "1@1<x>", "Found character 'b' instead of field delimiter '|', line 2, row 2, column 1"},
		"open quote":          {plain, "x|\"ab\ncd", "", `End of file reached within the field that begins with ", line 1, row 1, column 2`},
		"broken UTF-8":        {plain, "a|b\xff\n", "", "Invalid UTF8 detected in string '0x62FF', line 1, row 1, column 2"},
		"replaced UTF-8":      {func(f *Format) { f.ReplaceInvalidCharacters = true }, "a|b\xff\n", "1@1<a><b\ufffd>", ""},
		"latin 1":             {func(f *Format) { f.Encoding = "ISO-8859-1" }, "a|b\xe4\n", "1@1<a><bä>", ""},
		"UTF-16":              {func(f *Format) { f.Encoding = "UTF16LE" }, "\xff\xfea\x00|\x00\xe4\x00\n\x00", "1@1<a><ä>", ""},
		"unknown encoding":    {func(f *Format) { f.Encoding = "EBCDIC" }, "a", "", `encoding "EBCDIC" is not supported by the local Snowflake`},
		"both headers":        {func(f *Format) { f.ParseHeader, f.SkipHeader = true, 1 }, "a", "", "Cannot use PARSE_HEADER"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, rows, err := read(t, piped(test.change), test.text)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("error %v, want %q", err, test.fails)
			}
			if name == "parse header" && fmt.Sprintf("%q", rows[0].Names) != `["h1" "h\n2" "NULL"]` {
				t.Errorf("names %q", rows[0].Names)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	strip := func(f *Format) { f.StripOuterArray = true }
	plain := func(*Format) {}
	tests := map[string]struct {
		change     func(*Format)
		text, want string
		fails      string
	}{
		"NDJSON":              {plain, "{\"a\":1}\n{\"b\": 2}\r\n", `1@1{"a":1}; 2@2{"b": 2}`, ""},
		"concatenated":        {plain, `{"a":"}\"{"}[1]"x"7 true`, `1@1{"a":"}\"{"}; 2@1[1]; 3@1"x"; 4@17; 5@1true`, ""},
		"over lines":          {plain, "{\n\"a\":\n1}\n\n{}", "1@1{\n\"a\":\n1}; 2@5{}", ""},
		"numbers verbatim":    {plain, `{"n":99999999999999999999999999999999999999,"f":1.10,"e":1e400}`, `1@1{"n":99999999999999999999999999999999999999,"f":1.10,"e":1e400}`, ""},
		"scalar and line":     {plain, "1\n2\n", "1@11; 2@22", ""},
		"byte order mark":     {plain, "\ufeff{}", "1@1{}", ""},
		"empty":               {strip, " \n", "", ""},
		"array kept":          {plain, `[1, 2]`, `1@1[1, 2]`, ""},
		"array stripped":      {strip, "[\n{\"a\":[1,2]} ,\n 3, \"]\"]", `1@2{"a":[1,2]}; 2@33; 3@3"]"`, ""},
		"arrays stripped":     {strip, "[][1][2,[3]]{}", "1@11; 2@12; 3@1[3]; 4@1{}", ""},
		"open array":          {strip, "[1,\n2", "1@11; 2@22", "missing right bracket"},
		"array without comma": {strip, "[1 2]", "1@11", "misplaced 2"},
		"comma at the end":    {strip, "[1,]", "1@11", "Error parsing JSON"},
		"open object":         {plain, "{}\n{\"a\":1", "1@1{}", "Error parsing JSON: incomplete object or array value, line 2, row 2"},
		"open string":         {plain, `{"a`, "", "unfinished string"},
		"broken":              {plain, "{}\n{a:1}", "1@1{}", "Error parsing JSON: invalid character 'a' looking for beginning of object key string, pos 2, line 2, row 2"},
		"closing first":       {plain, "}", "", "Error parsing JSON"},
		"comma first":         {plain, ",{}", "", "Error parsing JSON"},
		"broken UTF-8":        {plain, "\"\xff\"", "", "Invalid UTF8 detected in string '0x22FF22', line 1, row 1"},
		"replaced UTF-8":      {func(f *Format) { f.ReplaceInvalidCharacters = true }, "\"\xff\"", "1@1\"\ufffd\"", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := Default(JSON)
			test.change(&f)
			got, _, err := read(t, f, test.text)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("error %v, want %q", err, test.fails)
			}
		})
	}
}

// bzipped is "a,b\n", compressed with bzip2.
const bzipped = "BZh91AY&SY\x03\x43\x3a\xe0\x00\x00\x01\x51\x00\x00\x10\x00\x04\x30\x00\x20\x00\x21\x9a\x68\x33\x4d\x17\x3c\x5d\xc9\x14\xe1\x42\x40\x0d\x0c\xeb\x80"

func packed(t *testing.T, text string, open func(io.Writer) (io.WriteCloser, error)) string {
	t.Helper()
	var b bytes.Buffer
	w, err := open(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zipped(t *testing.T, text string) string {
	return packed(t, text, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

func TestCompression(t *testing.T) {
	zstded := func(text string) string {
		return packed(t, text, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
	}
	zlibbed := packed(t, "a,b\n", func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil })
	deflated := packed(t, "a,b\n", func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 6) })
	tests := map[string]struct {
		compression       Compression
		text, want, fails string
	}{
		"gzip":           {Auto, zipped(t, "a,b\n"), "1@1<a><b>", ""},
		"gzip members":   {Auto, zipped(t, "a,b\nc") + zipped(t, ",d\n"), "1@1<a><b>; 2@2<c><d>", ""},
		"zstd":           {Auto, zstded("a,b\n"), "1@1<a><b>", ""},
		"zstd frames":    {Zstd, zstded("a,b\n") + zstded("c,d\n"), "1@1<a><b>; 2@2<c><d>", ""},
		"bzip2":          {Auto, bzipped, "1@1<a><b>", ""},
		"text like bzip": {Auto, "BZh9,b\n", "1@1<BZh9><b>", ""},
		"zlib":           {Deflate, zlibbed, "1@1<a><b>", ""},
		"deflate":        {RawDeflate, deflated, "1@1<a><b>", ""},
		"none":           {None, "a,b\n", "1@1<a><b>", ""},
		"cut":            {Auto, zipped(t, "a,b\n")[:26], "", "Error decompressing"},
		"not gzip":       {Gzip, "a,b\n", "", "Error decompressing"},
		"brotli":         {"BROTLI", "", "", "not supported"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := Default(CSV)
			f.Compression = test.compression
			got, _, err := read(t, f, test.text)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("error %v, want %q", err, test.fails)
			}
		})
	}
}

// An error of the reader or of yield is not an Error of the content.
func TestOtherErrors(t *testing.T) {
	broken := errors.New("connection reset")
	var wrong *Error
	for _, text := range []string{"a,b\n", zipped(t, strings.Repeat("a,b\n", 100))[:20]} {
		r := io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))
		if err := Read(Default(CSV), r, func(Row) error { return nil }); !errors.Is(err, broken) || errors.As(err, &wrong) {
			t.Errorf("error %v, want %v", err, broken)
		}
	}
	enough := errors.New("enough")
	if err := Read(Default(JSON), strings.NewReader("1 2"), func(Row) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("error %v, want %v", err, enough)
	}
}
