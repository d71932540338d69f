package fileformat

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// jsonReader splits a file into JSON documents, with or without white space between
// them. It does not change the documents.
type jsonReader struct {
	format Format
	in     *bufio.Reader
	line   int64
	row    int64
}

func readJSON(f Format, r io.Reader, yield func(Row) error) error {
	j := &jsonReader{format: f, in: bufio.NewReaderSize(r, bufferSize), line: 1}
	if err := skipBOM(j.in); err != nil {
		return err
	}
	for {
		b, err := j.peek()
		if err != nil {
			return endOfFile(err)
		}
		if f.StripOuterArray && b == '[' {
			if err := j.elements(yield); err != nil {
				return err
			}
			continue
		}
		if err := j.document(yield); err != nil {
			return err
		}
	}
}

func (j *jsonReader) err(format string, args ...any) error {
	return &Error{Message: "Error parsing JSON: " + fmt.Sprintf(format, args...), Row: j.row, Line: j.line}
}

// peek returns the next byte that is not white space, without reading it.
func (j *jsonReader) peek() (byte, error) {
	for {
		b, err := j.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch b {
		case '\n':
			j.line++
		case ' ', '\t', '\r':
		default:
			return b, j.in.UnreadByte()
		}
	}
}

// expect is peek with an error at the end of the file.
func (j *jsonReader) expect() (byte, error) {
	b, err := j.peek()
	if errors.Is(err, io.EOF) {
		return 0, j.err("missing right bracket of the outer array")
	}
	return b, err
}

// elements reads the elements of an outer array.
func (j *jsonReader) elements(yield func(Row) error) error {
	if _, err := j.in.Discard(1); err != nil {
		return err
	}
	b, err := j.expect()
	if err != nil {
		return err
	}
	if b == ']' {
		_, err := j.in.Discard(1)
		return err
	}
	for {
		if _, err := j.expect(); err != nil {
			return err
		}
		if err := j.document(yield); err != nil {
			return err
		}
		b, err := j.expect()
		if err != nil {
			return err
		}
		if _, err := j.in.Discard(1); err != nil {
			return err
		}
		switch b {
		case ']':
			return nil
		case ',':
		default:
			return j.err("misplaced %c in the outer array", b)
		}
	}
}

// document reads one value and yields it.
func (j *jsonReader) document(yield func(Row) error) error {
	j.row++
	start := j.line
	value, err := j.value()
	if err != nil {
		return err
	}
	if !utf8.Valid(value) {
		if !j.format.ReplaceInvalidCharacters {
			return &Error{Message: fmt.Sprintf("Invalid UTF8 detected in string '%s'", hexOf(value)), Row: j.row, Line: start}
		}
		value = bytes.ToValidUTF8(value, []byte("\ufffd"))
	}
	var syntax *json.SyntaxError
	var raw json.RawMessage
	if err := json.Unmarshal(value, &raw); errors.As(err, &syntax) {
		return &Error{Message: fmt.Sprintf("Error parsing JSON: %v, pos %d", syntax, syntax.Offset), Row: j.row, Line: start}
	} else if err != nil {
		return err
	}
	return yield(Row{Number: j.row, Line: start, Document: value})
}

// value reads up to the end of a value. It does not validate it.
func (j *jsonReader) value() ([]byte, error) {
	var (
		out               []byte
		depth             int
		inString, escaped bool
	)
	for {
		b, err := j.in.ReadByte()
		if errors.Is(err, io.EOF) {
			switch {
			case inString:
				return nil, j.err("unfinished string")
			case depth > 0:
				return nil, j.err("incomplete object or array value")
			}
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if b == '\n' {
			j.line++
		}
		scalarEnds := depth == 0 && len(out) > 0 && !inString && bytes.IndexByte([]byte(" \t\r\n,[]{}\""), b) >= 0
		if scalarEnds {
			if b == '\n' {
				j.line--
			}
			return out, j.in.UnreadByte()
		}
		if len(out) >= maxValue {
			return nil, j.err("document is too large, max size %d bytes", maxValue)
		}
		out = append(out, b)
		switch {
		case inString:
			if inString = escaped || b != '"'; !inString && depth == 0 {
				return out, nil
			}
			escaped = !escaped && b == '\\'
		case b == '"':
			inString = true
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			if depth--; depth <= 0 {
				return out, nil
			}
		case b == ',' && depth == 0:
			return out, nil // invalid: document returns the error
		}
	}
}
