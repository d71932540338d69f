package fileformat

import (
	"bufio"
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// csvReader reads the records of delimited text.
// https://docs.snowflake.com/en/sql-reference/sql/create-file-format
type csvReader struct {
	format    Format
	in        *bufio.Reader
	delimiter []byte
	line      int64 // of the next byte
	row       int64 // of the current record; 0 is the header
	start     int64 // line of the current record
	field     []byte
	// inField and inQuotes have the bytes with a special meaning in a field and in
	// quotes.
	inField, inQuotes [256]bool
}

func readCSV(f Format, r io.Reader, yield func(Row) error) error {
	c := &csvReader{format: f, in: bufio.NewReaderSize(r, bufferSize), delimiter: []byte(f.FieldDelimiter), line: 1}
	switch {
	case f.FieldDelimiter == "":
		return errors.New("file format: FIELD_DELIMITER = NONE is not supported by the local Snowflake")
	case f.ParseHeader && f.SkipHeader > 0:
		return &Error{Message: "Cannot use PARSE_HEADER = TRUE and SKIP_HEADER > 0 together"}
	case len(f.FieldOptionallyEnclosedBy) > 1 || len(f.Escape) > 1 || len(f.EscapeUnenclosedField) > 1:
		return errors.New("file format: quote and escape must be single-byte characters")
	}
	for _, b := range []byte("\r\n" + f.FieldDelimiter[:1] + f.EscapeUnenclosedField) {
		c.inField[b] = true
	}
	for _, b := range []byte("\n" + f.FieldOptionallyEnclosedBy + f.Escape) {
		c.inQuotes[b] = true
	}
	if err := skipBOM(c.in); err != nil {
		return err
	}
	if err := c.skipLines(f.SkipHeader); err != nil {
		return err
	}
	var names []string
	want := f.Columns
	if f.ParseHeader {
		header, err := c.record()
		if err != nil {
			return endOfFile(err)
		}
		for _, h := range header {
			names = append(names, h.String)
		}
		want = len(names)
	}
	for {
		c.row++
		fields, err := c.record()
		if err != nil {
			return endOfFile(err)
		}
		if fields == nil { // a skipped blank line
			c.row--
			continue
		}
		if fields, err = c.fit(fields, want); err != nil {
			return err
		}
		if err := yield(Row{Number: c.row, Line: c.start, Names: names, Fields: fields}); err != nil {
			return err
		}
	}
}

func endOfFile(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// skipLines skips lines of the header. Quotes have no meaning in them.
func (c *csvReader) skipLines(n int) error {
	for range n {
		for {
			_, err := c.in.ReadSlice('\n')
			if err == nil {
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return endOfFile(err)
			}
		}
		c.line++
	}
	return nil
}

// fit adjusts a record to the number of columns, or returns an error.
func (c *csvReader) fit(fields []sql.NullString, want int) ([]sql.NullString, error) {
	switch got := len(fields); {
	case want == 0 || got == want:
	case c.format.ErrorOnColumnCountMismatch && got == 1 && !fields[0].Valid:
		return nil, c.err(2, "End of record reached while expected to parse column 2")
	case c.format.ErrorOnColumnCountMismatch:
		return nil, c.err(0, "Number of columns in file (%d) does not match that of the corresponding table (%d), "+
			"use file format option error_on_column_count_mismatch=false to ignore this error", got, want)
	case got > want:
		fields = fields[:want]
	default:
		fields = append(fields, make([]sql.NullString, want-got)...)
	}
	return fields, nil
}

func (c *csvReader) err(column int, format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...), Row: c.row, Line: c.start, Column: column}
}

// ending is what follows a field.
type ending int

const (
	endField ending = iota
	endRecord
	endFile
)

// record reads one record. It returns io.EOF after the last record, and no fields and
// no error for a blank line that is skipped.
func (c *csvReader) record() ([]sql.NullString, error) {
	head, err := c.in.Peek(2)
	if len(head) == 0 {
		return nil, err
	}
	c.start = c.line
	if c.format.SkipBlankLines && (head[0] == '\n' || string(head) == "\r\n") {
		_, _, err := c.ended()
		return nil, err
	}
	var fields []sql.NullString
	for {
		value, end, err := c.next(len(fields) + 1)
		if err != nil {
			return nil, err
		}
		fields = append(fields, value)
		if end != endField {
			return fields, nil
		}
	}
}

// next reads one field.
func (c *csvReader) next(column int) (sql.NullString, ending, error) {
	c.field = c.field[:0]
	if c.format.TrimSpace {
		if err := c.skipSpace(); err != nil {
			return sql.NullString{}, endFile, err
		}
	}
	quote := c.format.FieldOptionallyEnclosedBy
	if head, _ := c.in.Peek(1); quote != "" && string(head) == quote {
		end, err := c.quoted(column, quote[0])
		if err != nil {
			return sql.NullString{}, end, err
		}
		s, err := c.text(column, c.field)
		return sql.NullString{String: s, Valid: true}, end, err
	}
	raw, end, err := c.unquoted(column)
	if err != nil {
		return sql.NullString{}, end, err
	}
	value := c.field
	if c.format.TrimSpace {
		raw, value = strings.TrimSpace(raw), bytes.TrimSpace(value)
	}
	// Names in the header are never NULL.
	if c.row > 0 && (slices.Contains(c.format.NullIf, raw) || (raw == "" && c.format.EmptyFieldAsNull)) {
		return sql.NullString{}, end, nil
	}
	s, err := c.text(column, value)
	return sql.NullString{String: s, Valid: true}, end, err
}

// text returns a field as a string. It must be valid UTF-8.
func (c *csvReader) text(column int, b []byte) (string, error) {
	if utf8.Valid(b) {
		return string(b), nil
	}
	if c.format.ReplaceInvalidCharacters {
		return strings.ToValidUTF8(string(b), "\ufffd"), nil
	}
	return "", c.err(column, "Invalid UTF8 detected in string '%s'", hexOf(b))
}

// hexOf returns the beginning of a text in Snowflake's format, as in 0x6162.
func hexOf(b []byte) string { return fmt.Sprintf("0x%X", b[:min(len(b), 50)]) }
