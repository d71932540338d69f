// Package files reads an object's bytes the way Snowflake does, by the options
// of a file format.
package fileformat

import (
	"database/sql"
	"encoding/json"
	"fmt"
)

// Type is a kind of files.
type Type string

// The kinds that this package reads.
const (
	CSV  Type = "CSV"
	JSON Type = "JSON"
)

// Compression is how a file is compressed.
type Compression string

// The compressions. Auto recognises gzip, bzip2 and zstd by their first bytes;
// Snowflake recognises neither deflate nor Brotli.
const (
	Auto       Compression = "AUTO"
	None       Compression = "NONE"
	Gzip       Compression = "GZIP"
	Bzip2      Compression = "BZ2"
	Zstd       Compression = "ZSTD"
	Deflate    Compression = "DEFLATE"
	RawDeflate Compression = "RAW_DEFLATE"
)

// Format has the options of a file format. Begin with Default: the zero value
// is not what Snowflake takes for an option that is left out.
type Format struct {
	Type        Type
	Compression Compression
	// Encoding of CSV as Snowflake names it: UTF8, ISO88591, WINDOWS1252, UTF16,
	// UTF16LE or UTF16BE. JSON is always UTF-8.
	Encoding string
	// ReplaceInvalidCharacters puts U+FFFD where UTF-8 is broken, which is an error else.
	ReplaceInvalidCharacters bool
	TrimSpace                bool

	// For CSV.
	FieldDelimiter string // at least one character
	// SkipHeader lines are left out. They are lines, whatever quotes say.
	SkipHeader int
	// ParseHeader takes the first record for column names. It excludes SkipHeader.
	ParseHeader bool
	// FieldOptionallyEnclosedBy is a quote, or empty for NONE.
	FieldOptionallyEnclosedBy string
	// Escape (in quoted fields) and EscapeUnenclosedField make the next
	// character plain; empty is NONE.
	Escape                string
	EscapeUnenclosedField string
	// NullIf are the unquoted texts that stand for NULL.
	NullIf []string
	// EmptyFieldAsNull reads nothing between two delimiters as NULL; "" is never NULL.
	EmptyFieldAsNull bool
	SkipBlankLines   bool
	// ErrorOnColumnCountMismatch refuses records with more or fewer fields than
	// there are columns. Otherwise what lacks is NULL, and what is too much is dropped.
	ErrorOnColumnCountMismatch bool
	// Columns is how many the target has. 0: not known, nothing is checked,
	// padded or dropped. With ParseHeader the header has the say.
	Columns int

	// StripOuterArray makes the elements of an array that is the whole document
	// rows of their own. For JSON.
	StripOuterArray bool
}

// Default has Snowflake's defaults of the options.
func Default(t Type) Format {
	f := Format{Type: t, Compression: Auto, Encoding: "UTF8"}
	if t == CSV {
		f.FieldDelimiter, f.EscapeUnenclosedField, f.NullIf = ",", `\`, []string{`\N`}
		f.EmptyFieldAsNull, f.ErrorOnColumnCountMismatch = true, true
	}
	return f
}

// Row is a record of a file.
type Row struct {
	// Number is METADATA$FILE_ROW_NUMBER: 1 for the first record after the header.
	Number int64
	// Line is where the record begins, from 1.
	Line int64
	// Names are the header's, for CSV with ParseHeader. All rows share the slice.
	Names []string
	// Fields of CSV, in the order of the file.
	Fields []sql.NullString
	// Document of JSON, byte for byte as in the file.
	Document json.RawMessage
}

// Error is what is wrong with a file, in Snowflake's words.
type Error struct {
	Message string
	// Row and Line tell which record, as in Row; 0 if it is about the whole file.
	Row, Line int64
	// Column is the field's number from 1, or 0.
	Column int
}

// Error is the message and the place.
func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return e.Message
	case e.Column == 0:
		return fmt.Sprintf("%s, line %d, row %d", e.Message, e.Line, e.Row)
	}
	return fmt.Sprintf("%s, line %d, row %d, column %d", e.Message, e.Line, e.Row, e.Column)
}
