package record

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// headerProblem returns why the first row of an entry is probably not the header row
// of text with this delimiter, or "" if nothing speaks against it. It is for feeds
// without declared columns, where any text would otherwise be read as records.
func headerProblem(first []byte, names []string, delimiter string) (reason, problem string) {
	for _, other := range otherFormats {
		if other.start.Match(first) {
			return NotDelimitedText, "the entry begins like " + other.name
		}
	}
	if len(names) == 1 {
		for _, other := range []string{",", ";", "\t", "|"} {
			if other != delimiter && strings.Contains(names[0], other) {
				return SuspiciousHeader, fmt.Sprintf("the header row has one column, with %q in its name: the file probably has another delimiter than %q", other, delimiter)
			}
		}
	}
	for _, name := range names {
		if value.MatchString(name) && !year.MatchString(name) {
			return SuspiciousHeader, fmt.Sprintf("the header row has the name %q, which looks like a value: the file probably has no header row", clip([]byte(name)))
		}
	}
	return "", ""
}

// otherFormats are formats that begin with text.
var otherFormats = []struct {
	name  string
	start *regexp.Regexp
}{
	{"HTML or XML", regexp.MustCompile(`^\s*<([!?]|[A-Za-z][^>|;,]*>)`)},
	{"JSON", regexp.MustCompile(`^\s*(\{\s*(["}]|$)|\[\s*([\[{"\]0-9-]|$))`)},
	{"RTF", regexp.MustCompile(`^\{\\rtf`)},
	{"PDF", regexp.MustCompile(`^%PDF-`)},
	{"PostScript", regexp.MustCompile(`^%!PS`)},
	{"Parquet", regexp.MustCompile(`^PAR1`)},
}

var (
	// value is a number, a date or time, a path or a URL. The numbers may have a
	// sign, a decimal point or comma, and an exponent.
	value = regexp.MustCompile(`^\s*(` +
		`[-+]?[0-9]+([.,][0-9]+)*([eE][-+]?[0-9]+)?` +
		`|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}([T ].*)?` +
		`|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4}([T ].*)?` +
		`|[^/ ]*(/[^/ ]+){2,}` +
		`|[a-z][a-z0-9+.]*://.*` +
		`)\s*$`)
	// year is a name that pivot tables have.
	year = regexp.MustCompile(`^\s*(19|20)[0-9]{2}\s*$`)
)

// separatorLine returns the delimiter that a line such as sep=; declares for Excel.
func separatorLine(row []byte) (delimiter byte, ok bool) {
	row = row[:len(row)-lineBreak(row)]
	if len(row) != len("sep=;") || !bytes.EqualFold(row[:4], []byte("sep=")) {
		return 0, false
	}
	return row[4], true
}

// byteOrderMark is that of UTF-8.
var byteOrderMark = []byte("\xEF\xBB\xBF")

// repeatsHeader reports whether the row b is the header row again, as where files
// were concatenated. A single column may have its name as a value: there, only a
// byte order mark shows it.
func (t *rows) repeatsHeader(b []byte) bool {
	row, marked := bytes.CutPrefix(b, byteOrderMark)
	row = row[:len(row)-lineBreak(row)]
	return bytes.Equal(row, t.headerRow) && (marked || len(t.prefix) > 1)
}
