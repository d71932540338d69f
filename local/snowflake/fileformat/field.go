package fileformat

import (
	"errors"
	"io"
	"unicode/utf8"
)

// unquoted reads a field up to a delimiter or the end of the record into c.field. raw
// is the text in the file, with which NULL_IF is compared.
func (c *csvReader) unquoted(column int) (raw string, end ending, err error) {
	var escaped []byte // the text in the file, if it differs from the field
	escape := c.format.EscapeUnenclosedField
	for {
		plain, err := c.plain(column, &c.inField)
		if err != nil {
			return "", endFile, err
		}
		if escaped != nil {
			escaped = append(escaped, plain...)
		}
		end, done, err := c.ended()
		if err != nil {
			return "", end, err
		}
		if done {
			if escaped != nil {
				return string(escaped), end, nil
			}
			return string(c.field), end, nil
		}
		b, err := c.in.ReadByte()
		if err != nil {
			return "", endFile, err
		}
		if escape != "" && b == escape[0] {
			if escaped == nil {
				escaped = append([]byte{}, c.field...)
			}
			escaped = append(escaped, b)
			if b, err = c.in.ReadByte(); errors.Is(err, io.EOF) {
				continue // the escape is the file's last byte
			} else if err != nil {
				return "", endFile, err
			}
			if b == '\n' {
				c.line++
			}
		}
		if escaped != nil {
			escaped = append(escaped, b)
		}
		if err := c.add(column, b); err != nil {
			return "", endFile, err
		}
	}
}

// quoted reads a field in quotes, and the delimiter after it.
func (c *csvReader) quoted(column int, quote byte) (ending, error) {
	if _, err := c.in.Discard(1); err != nil {
		return endFile, err
	}
	for {
		if _, err := c.plain(column, &c.inQuotes); err != nil {
			return endFile, err
		}
		b, err := c.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return endFile, c.err(column, "End of file reached within the field that begins with %c", quote)
		}
		if err != nil {
			return endFile, err
		}
		switch {
		case c.format.Escape != "" && b == c.format.Escape[0] && b != quote:
			if b, err = c.in.ReadByte(); err != nil {
				return endFile, c.err(column, "End of file reached within the field that begins with %c", quote)
			}
		case b == quote:
			if head, _ := c.in.Peek(1); len(head) == 0 || head[0] != quote {
				return c.afterQuote(column)
			}
			if _, err := c.in.Discard(1); err != nil {
				return endFile, err
			}
		}
		if b == '\n' {
			c.line++
		}
		if err := c.add(column, b); err != nil {
			return endFile, err
		}
	}
}

func (c *csvReader) afterQuote(column int) (ending, error) {
	if c.format.TrimSpace {
		if err := c.skipSpace(); err != nil {
			return endFile, err
		}
	}
	end, done, err := c.ended()
	if err != nil || done {
		return end, err
	}
	rest, err := c.in.Peek(utf8.UTFMax)
	if err != nil && !errors.Is(err, io.EOF) {
		return endFile, err
	}
	found, _ := utf8.DecodeRune(rest)
	return endFile, c.err(column, "Found character '%c' instead of field delimiter '%s'", found, c.format.FieldDelimiter)
}

// ended reads a delimiter or the end of the record, if one of them comes next. A
// record ends with a line feed, or with a carriage return and a line feed.
func (c *csvReader) ended() (end ending, done bool, err error) {
	head, err := c.in.Peek(max(2, len(c.delimiter)))
	if err != nil && !errors.Is(err, io.EOF) {
		return endFile, false, err
	}
	var take int
	switch {
	case len(head) == 0:
		return endFile, true, nil
	case len(head) >= len(c.delimiter) && string(head[:len(c.delimiter)]) == string(c.delimiter):
		end, take = endField, len(c.delimiter)
	case head[0] == '\n':
		end, take = endRecord, 1
	case len(head) > 1 && head[0] == '\r' && head[1] == '\n':
		end, take = endRecord, 2
	default:
		return endField, false, nil
	}
	if end == endRecord {
		c.line++
	}
	_, err = c.in.Discard(take)
	return end, true, err
}

// skipSpace skips spaces and tabs that are not the delimiter.
func (c *csvReader) skipSpace() error {
	for {
		head, err := c.in.Peek(1)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if (head[0] != ' ' && head[0] != '\t') || head[0] == c.delimiter[0] {
			return nil
		}
		if _, err := c.in.Discard(1); err != nil {
			return err
		}
	}
}

// plain adds bytes of the buffer to the field, up to the first one with a special
// meaning, and returns them. They are valid until the next read.
func (c *csvReader) plain(column int, special *[256]bool) ([]byte, error) {
	buffered, err := c.in.Peek(c.in.Buffered())
	if err != nil {
		return nil, err
	}
	n := 0
	for n < len(buffered) && !special[buffered[n]] {
		n++
	}
	if err := c.add(column, buffered[:n]...); err != nil {
		return nil, err
	}
	_, err = c.in.Discard(n)
	return buffered[:n], err
}

func (c *csvReader) add(column int, b ...byte) error {
	if len(c.field)+len(b) > maxValue {
		return c.err(column, "Max LOB size (%d) exceeded, actual size of parsed column is larger", maxValue)
	}
	c.field = append(c.field, b...)
	return nil
}
