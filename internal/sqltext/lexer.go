package sqltext

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type lexer struct {
	sql string
	pos int
}

// skipSpace skips white space and comments: -- and // to the end of the line,
// and /* */, which do not nest.
func (l *lexer) skipSpace() error {
	for l.pos < len(l.sql) {
		rest := l.sql[l.pos:]
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case unicode.IsSpace(r):
			l.pos += size
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "//"):
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				l.pos += i + 1
			} else {
				l.pos = len(l.sql)
			}
		case strings.HasPrefix(rest, "/*"):
			i := strings.Index(rest[2:], "*/")
			if i < 0 {
				return errorAt(l.sql, l.pos, "the comment is not closed")
			}
			l.pos += i + 4
		default:
			return nil
		}
	}
	return nil
}

// symbols lists the symbols of more than one character, the longest first.
var symbols = []string{"->>", "::", "=>", "<=", ">=", "<>", "!=", "||", "->"}

func (l *lexer) next() (Kind, string, error) {
	rest := l.sql[l.pos:]
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case r == 0:
		return 0, "", errorAt(l.sql, l.pos, "NUL is not allowed")
	case r == '\'':
		value, err := l.constant()
		return String, value, err
	case r == '"':
		value, err := l.quoted()
		return Quoted, value, err
	case strings.HasPrefix(rest, "$$"):
		i := strings.Index(rest[2:], "$$")
		if i < 0 {
			return 0, "", errorAt(l.sql, l.pos, "the constant that starts with $$ is not closed")
		}
		l.pos += i + 4
		return String, rest[2 : i+2], nil
	case r == '$' && len(rest) > 1 && digit(rest[1]):
		return Position, l.while(1, digit), nil
	case digit(rest[0]):
		return Number, l.number(), nil
	case r == '_' || unicode.IsLetter(r):
		text := l.while(size, func(c byte) bool {
			return c == '_' || c == '$' || digit(c) || c >= utf8.RuneSelf || c|0x20 >= 'a' && c|0x20 <= 'z'
		})
		return Word, strings.ToUpper(text), nil
	}
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			l.pos += len(s)
			return Symbol, s, nil
		}
	}
	l.pos += size
	return Symbol, rest[:size], nil
}

// while reads the given number of bytes, then further bytes as long as ok
// accepts them.
func (l *lexer) while(first int, ok func(byte) bool) string {
	start := l.pos
	l.pos += first
	for l.pos < len(l.sql) && ok(l.sql[l.pos]) {
		l.pos++
	}
	return l.sql[start:l.pos]
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) number() string {
	start := l.pos
	l.while(1, digit)
	if strings.HasPrefix(l.sql[l.pos:], ".") {
		l.while(1, digit)
	}
	if rest := l.sql[l.pos:]; len(rest) > 1 && rest[0]|0x20 == 'e' {
		switch {
		case digit(rest[1]):
			l.while(2, digit)
		case len(rest) > 2 && (rest[1] == '+' || rest[1] == '-') && digit(rest[2]):
			l.while(3, digit)
		}
	}
	return l.sql[start:l.pos]
}

// quoted reads a name between double quotes. A double quote inside is doubled;
// there are no escape sequences.
func (l *lexer) quoted() (string, error) {
	start := l.pos
	var b strings.Builder
	for l.pos++; l.pos < len(l.sql); l.pos++ {
		switch c := l.sql[l.pos]; {
		case c == 0:
			return "", errorAt(l.sql, l.pos, "NUL is not allowed")
		case c != '"':
			b.WriteByte(c)
		case strings.HasPrefix(l.sql[l.pos:], `""`):
			b.WriteByte('"')
			l.pos++
		case b.Len() == 0:
			return "", errorAt(l.sql, start, "the name is empty")
		default:
			l.pos++
			return b.String(), nil
		}
	}
	return "", errorAt(l.sql, start, "the name is not closed")
}

// constant reads a constant between single quotes, with the escape sequences of
// https://docs.snowflake.com/en/sql-reference/data-types-text#escape-sequences-in-single-quoted-string-constants
func (l *lexer) constant() (string, error) {
	start := l.pos
	var b strings.Builder
	for l.pos++; l.pos < len(l.sql); l.pos++ {
		switch c := l.sql[l.pos]; {
		case c == 0:
			return "", errorAt(l.sql, l.pos, "NUL is not allowed")
		case c == '\\':
			l.escape(&b)
		case c != '\'':
			b.WriteByte(c)
		case strings.HasPrefix(l.sql[l.pos:], "''"):
			b.WriteByte('\'')
			l.pos++
		default:
			l.pos++
			return b.String(), nil
		}
	}
	return "", errorAt(l.sql, start, "the constant is not closed")
}

var escapes = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads a backslash and the sequence after it, and stops on the last
// byte of the sequence. A backslash before any other character is dropped.
func (l *lexer) escape(b *strings.Builder) {
	rest := l.sql[l.pos+1:]
	if rest == "" {
		return
	}
	if c, ok := escapes[rest[0]]; ok {
		b.WriteByte(c)
		l.pos++
		return
	}
	for _, form := range []struct {
		prefix       string
		digits, base int
	}{{"", 3, 8}, {"x", 2, 16}, {"u", 4, 16}} {
		n := len(form.prefix)
		if !strings.HasPrefix(rest, form.prefix) || len(rest) < n+form.digits {
			continue
		}
		if v, err := strconv.ParseUint(rest[n:n+form.digits], form.base, 16); err == nil {
			b.WriteRune(rune(v))
			l.pos += n + form.digits
			return
		}
	}
	switch rest[0] {
	case 0: // constant rejects it
		return
	case '0':
		b.WriteByte(0)
	default:
		b.WriteByte(rest[0])
	}
	l.pos++
}
