// Package fileformat reads delimited text and JSON as Snowflake does, with the options
// of a file format.
// https://docs.snowflake.com/en/sql-reference/sql/create-file-format
package fileformat

import (
	"database/sql"
	"encoding/json"
	"fmt"
)

// Type is the type of a file format.
type Type string

// The supported types.
const (
	CSV  Type = "CSV"
	JSON Type = "JSON"
)

// Compression is the compression of a file.
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

// Format has the options of a file format. Start with Default: the zero value of a
// field is not always the default of the option.
type Format struct {
	Type        Type
	Compression Compression
	// Encoding of CSV as Snowflake names it: UTF8, ISO88591, WINDOWS1252, UTF16,
	// UTF16LE or UTF16BE. JSON is always UTF-8.
	Encoding string
	// ReplaceInvalidCharacters replaces invalid UTF-8 by U+FFFD. Otherwise it is an error.
	ReplaceInvalidCharacters bool
	TrimSpace                bool

	// The following fields are for CSV.

	FieldDelimiter string // at least one character
	// SkipHeader is the number of lines to skip. Quotes have no meaning in them.
	SkipHeader int
	// ParseHeader reads column names from the first record. It excludes SkipHeader.
	ParseHeader bool
	// FieldOptionallyEnclosedBy is the quote, or empty for NONE.
	FieldOptionallyEnclosedBy string
	// Escape (in quoted fields) and EscapeUnenclosedField remove the special meaning of
	// the next character; empty for NONE.
	Escape                string
	EscapeUnenclosedField string
	// NullIf has the unquoted texts that are read as NULL.
	NullIf []string
	// EmptyFieldAsNull reads an empty field as NULL, but not "".
	EmptyFieldAsNull bool
	SkipBlankLines   bool
	// ErrorOnColumnCountMismatch makes a record with more or fewer fields than columns
	// an error. Otherwise missing fields are NULL and additional ones are ignored.
	ErrorOnColumnCountMismatch bool
	// Columns is the number of columns of the target; 0 if it is not known, so that
	// records are not changed. With ParseHeader it is the number of names.
	Columns int

	// StripOuterArray reads each element of a JSON array as a row. For JSON.
	StripOuterArray bool
}

// Default returns a format with Snowflake's defaults.
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
	// Line is the line on which the record begins, starting at 1.
	Line int64
	// Names are the names of the header, for CSV with ParseHeader. All rows share the slice.
	Names []string
	// Fields are the fields of CSV, in the order of the file.
	Fields []sql.NullString
	// Document is the JSON document, unchanged.
	Document json.RawMessage
}

// Error is an error of a file's content, with Snowflake's message.
type Error struct {
	Message string
	// Row and Line are the number and line of the record; 0 for the whole file.
	Row, Line int64
	// Column is the number of the field, starting at 1, or 0.
	Column int
}

// Error returns the message and the position.
func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return e.Message
	case e.Column == 0:
		return fmt.Sprintf("%s, line %d, row %d", e.Message, e.Line, e.Row)
	}
	return fmt.Sprintf("%s, line %d, row %d, column %d", e.Message, e.Line, e.Row, e.Column)
}
