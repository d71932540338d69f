package feed

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// FormatKind is the kind of a feed's files, after decompression.
type FormatKind string

// The kinds of format.
const (
	// JSON is a JSON array, an array inside an object (Format.Path), one or
	// several concatenated documents, or one document per line.
	JSON FormatKind = "json"
	// NDJSON is one JSON document per line. An invalid line does not affect the others.
	NDJSON FormatKind = "ndjson"
	// CSV is delimited text with a header row.
	CSV FormatKind = "csv"
	// FixedWidth is text with one record per line, in columns of fixed width, without a
	// header row.
	FixedWidth FormatKind = "fixed_width"
	// Parquet is Apache Parquet: each row is a record.
	Parquet FormatKind = "parquet"
)

// FormatKinds are all kinds of format.
var FormatKinds = []FormatKind{JSON, NDJSON, CSV, FixedWidth, Parquet}

// Format describes the records of an entry, after decompression.
type Format struct {
	Kind FormatKind `json:"kind"`
	// Path is the path of the array of records in a JSON document: object keys
	// separated by dots ("features", "result.items"). Empty: the document itself.
	Path string `json:"path,omitempty"`
	// NaNAsNull reads the numbers NaN, Infinity and -Infinity, which some writers of JSON
	// emit although it does not have them, and the same numbers in Parquet, as null.
	// Otherwise their record is quarantined.
	NaNAsNull bool `json:"nanAsNull,omitempty"`
	// Delimiter separates the fields of delimited text: 1 to MaxDelimiterBytes bytes of
	// UTF-8 without quotes, line breaks and NUL.
	Delimiter string `json:"delimiter,omitempty"`
	// Columns, when given, are the names that the header row must have, in its order, or
	// with NoHeader, or in fixed-width text, the names of the columns.
	Columns []string `json:"columns,omitempty"`
	// Widths are the widths of the Columns of fixed-width text, in characters. Spaces
	// around the values are removed. A line with too few or too many characters is
	// quarantined, except for missing or additional spaces at its end.
	Widths []int `json:"widths,omitempty"`
	// NoHeader means that the files have no header row. It requires Columns.
	NoHeader bool `json:"noHeader,omitempty"`
	// Quotes is how the quotes around fields of delimited text are read.
	Quotes Quotes `json:"quotes,omitempty"`
	// Escape is the escape character of delimited text, in fields with quotes and
	// without: the character after it is part of the field, be it a delimiter, a quote, a
	// line break or the escape character. One ASCII character; empty: none.
	Escape string `json:"escape,omitempty"`
	// SkipLines is the number of lines before the header row, or before the first line of
	// fixed-width text, that are not read: 0 to MaxSkipLines.
	SkipLines int `json:"skipLines,omitempty"`
	// Comment, when given, begins the lines of delimited or fixed-width text that are not read.
	Comment string `json:"comment,omitempty"`
	// Trim removes spaces and tabs around the names and values of delimited text, and
	// skips a line of dashes under the header row, as database clients print tables.
	Trim bool `json:"trim,omitempty"`
	// TrailingDelimiter means that rows may end with a delimiter after their last field.
	TrailingDelimiter bool `json:"trailingDelimiter,omitempty"`
	// Encoding of the text. Empty: UTF-8, or UTF-16 with a byte order mark.
	Encoding Encoding `json:"encoding,omitempty"`
}

// Limits of a Format's fields.
const (
	// MaxDelimiterBytes is the length of the longest delimiter, as in Snowflake
	// ("CREATE FILE FORMAT", FIELD_DELIMITER).
	MaxDelimiterBytes = 20
	// MaxSkipLines is the greatest number of lines before the header row.
	MaxSkipLines = 1000
	// MaxWidth is the greatest width of a column of fixed-width text, in characters.
	MaxWidth = 100_000
)

// Quotes is how quotes around the fields of delimited text are read. By default a
// field that begins with a quote ends with one, but a row of several lines each of
// which has the delimiters of a whole row is quarantined: its quotes probably join
// rows by mistake.
type Quotes string

// The ways to read quotes.
const (
	// NoQuotes reads a quote as an ordinary character.
	NoQuotes Quotes = "none"
	// TrustQuotes reads every field that begins with a quote up to the next one.
	TrustQuotes Quotes = "trust"
)

// Encoding is the character encoding of text that is not Unicode, or of UTF-16 without
// a byte order mark: one of Encodings.
type Encoding string

// Encodings with their own names in Go. The others are strings, such as "iso-8859-2".
const (
	// Latin1 is Windows-1252, as browsers decode Latin-1: ISO 8859-1 with quotes, dashes
	// and the euro sign instead of the control characters 0x80 to 0x9F.
	Latin1 Encoding = "latin1"
	// UTF16LE and UTF16BE are UTF-16 without a byte order mark.
	UTF16LE Encoding = "utf-16le"
	UTF16BE Encoding = "utf-16be"
)

// Encodings are the encodings that a Format can have, by their names at IANA
// ("Character Sets"): Unicode, Windows, ISO 8859, KOI8, Macintosh, the code pages of DOS and
// of EBCDIC, and those of Chinese, Japanese and Korean.
var Encodings = []Encoding{
	Latin1, UTF16LE, UTF16BE,
	"windows-874", "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1255",
	"windows-1256", "windows-1257", "windows-1258",
	"iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6", "iso-8859-7", "iso-8859-8", "iso-8859-9",
	"iso-8859-10", "iso-8859-13", "iso-8859-14", "iso-8859-15", "iso-8859-16",
	"koi8-r", "koi8-u", "macintosh",
	"ibm437", "ibm850", "ibm852", "ibm855", "ibm858", "ibm860", "ibm862", "ibm863", "ibm865", "ibm866",
	"ibm037", "ibm1047", "ibm1140",
	"shift_jis", "euc-jp", "euc-kr", "gbk", "gb18030", "big5",
}

func (f Format) validate(add func(string, string, ...any)) {
	if f.Encoding != "" && !slices.Contains(Encodings, f.Encoding) {
		add("Format.Encoding", "%q is none of %q; UTF-8, and UTF-16 with a byte order mark, are detected and not given", f.Encoding, Encodings)
	}
	switch f.Kind {
	case JSON, NDJSON:
		if fields := f.textFields(); len(fields) > 0 {
			add("Format", "%s: for CSV only, this is %s", strings.Join(fields, ", "), f.Kind)
		}
		if f.Path != "" && f.Kind == NDJSON {
			add("Format.Path", "%q: NDJSON has no enclosing document: use JSON", f.Path)
		}
		if f.Path != "" {
			for key := range strings.SplitSeq(f.Path, ".") {
				if key == "" {
					add("Format.Path", "%q has an empty key: write object keys separated by dots, such as \"result.items\"", f.Path)
					break
				}
			}
		}
	case CSV:
		f.validateCSV(add)
	case FixedWidth:
		f.validateFixedWidth(add)
	case Parquet:
		if fields := f.textFields(); len(fields) > 0 {
			add("Format", "%s: for CSV only, this is %s", strings.Join(fields, ", "), f.Kind)
		}
		if f.Path != "" {
			add("Format.Path", "%q belongs to JSON, this is %s", f.Path, f.Kind)
		}
		if f.Encoding != "" {
			add("Format.Encoding", "%q: Parquet is UTF-8", f.Encoding)
		}
	case "":
		add("Format", "is required: JSON(), NDJSON(), CSV('|'), FixedWidth(…) or Parquet()")
	default:
		add("Format.Kind", "%q is none of %q", f.Kind, FormatKinds)
	}
}

// textFields are the fields of f that are set and for delimited text only.
func (f Format) textFields() []string {
	var fields []string
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"Delimiter", f.Delimiter != ""},
		{"Columns", len(f.Columns) > 0},
		{"Widths", len(f.Widths) > 0},
		{"NoHeader", f.NoHeader},
		{"Quotes", f.Quotes != ""},
		{"Escape", f.Escape != ""},
		{"SkipLines", f.SkipLines != 0},
		{"Comment", f.Comment != ""},
		{"Trim", f.Trim},
		{"TrailingDelimiter", f.TrailingDelimiter},
	} {
		if field.set {
			fields = append(fields, field.name)
		}
	}
	return fields
}

func (f Format) validateCSV(add func(string, string, ...any)) {
	f.refuseJSONFields(add)
	if len(f.Widths) > 0 {
		add("Format.Widths", "belongs to fixed-width text, this is %s", f.Kind)
	}
	switch {
	case f.Delimiter == "":
		add("Format.Delimiter", "is required for CSV")
	case len(f.Delimiter) > MaxDelimiterBytes || strings.ContainsAny(f.Delimiter, "\"\r\n\x00") || !utf8.ValidString(f.Delimiter):
		add("Format.Delimiter", "%q must have 1 to %d bytes of UTF-8, without quotes, line breaks and NUL", f.Delimiter, MaxDelimiterBytes)
	case f.Trim && strings.Trim(f.Delimiter, " \t") == "":
		add("Format.Trim", "the spaces or tabs that it removes are the delimiter %q", f.Delimiter)
	}
	if f.Quotes != "" && f.Quotes != NoQuotes && f.Quotes != TrustQuotes {
		add("Format.Quotes", "%q is neither %q nor %q", f.Quotes, NoQuotes, TrustQuotes)
	}
	if c := f.Escape; c != "" && (len(c) != 1 || c[0] >= utf8.RuneSelf || c[0] <= ' ' || c == `"` || strings.HasPrefix(f.Delimiter, c)) {
		add("Format.Escape", "%q must be one printable ASCII character other than a quote and the delimiter; doubled quotes need no escape character", c)
	}
	f.validateLines(add)
	f.validateColumns(add)
}

func (f Format) validateFixedWidth(add func(string, string, ...any)) {
	f.refuseJSONFields(add)
	delimited := f
	delimited.Columns, delimited.Widths, delimited.SkipLines, delimited.Comment = nil, nil, 0, ""
	if fields := delimited.textFields(); len(fields) > 0 {
		add("Format", "%s: for CSV only, this is %s", strings.Join(fields, ", "), f.Kind)
	}
	if len(f.Columns) == 0 {
		add("Format.Columns", "is required for fixed-width text")
	}
	if len(f.Widths) != len(f.Columns) {
		add("Format.Widths", "has %d widths for %d columns", len(f.Widths), len(f.Columns))
	}
	for i, width := range f.Widths {
		if width < 1 || width > MaxWidth {
			add("Format.Widths", "%d of column %d is outside 1 to %d", width, i+1, MaxWidth)
		}
	}
	f.validateLines(add)
	f.validateColumns(add)
}

// refuseJSONFields reports the fields that belong to JSON only.
func (f Format) refuseJSONFields(add func(string, string, ...any)) {
	if f.Path != "" {
		add("Format.Path", "%q belongs to JSON, this is %s", f.Path, f.Kind)
	}
	if f.NaNAsNull {
		add("Format.NaNAsNull", "belongs to JSON, this is %s", f.Kind)
	}
}

// validateLines reports what is wrong with the lines that are not read.
func (f Format) validateLines(add func(string, string, ...any)) {
	if f.SkipLines < 0 || f.SkipLines > MaxSkipLines {
		add("Format.SkipLines", "%d is outside 0 to %d", f.SkipLines, MaxSkipLines)
	}
	if strings.ContainsAny(f.Comment, "\r\n\x00") || len(f.Comment) > MaxDelimiterBytes || !utf8.ValidString(f.Comment) {
		add("Format.Comment", "%q must have at most %d bytes of UTF-8 without line breaks and NUL", f.Comment, MaxDelimiterBytes)
	}
}

func (f Format) validateColumns(add func(string, string, ...any)) {
	if f.NoHeader && len(f.Columns) == 0 {
		add("Format.NoHeader", "requires Columns: files without a header row do not name their columns")
	}
	seen := make(map[string]bool, len(f.Columns))
	for i, c := range f.Columns {
		if c == "" {
			add("Format.Columns", "column %d has no name", i+1)
		} else if seen[c] {
			add("Format.Columns", "%q is given twice", c)
		}
		seen[c] = true
	}
}
