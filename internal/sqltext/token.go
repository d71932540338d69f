package sqltext

import "fmt"

// Kind is a kind of token.
type Kind int

// The kinds of token.
const (
	// Word is a keyword, or a name without quotes: COPY, METADATA$FILENAME.
	Word Kind = iota
	// Quoted is a name between double quotes.
	Quoted
	// String is a constant between single quotes or between $$.
	String
	// Number is a constant of digits.
	Number
	// Position is $1: a column of a file, by its position.
	Position
	// Symbol is anything else, such as ( or ::.
	Symbol
	// End stands for the end of the statement. Tokens does not return it;
	// parsers use it as the token after the last one.
	End
)

// Token is one token of a statement.
type Token struct {
	Kind Kind
	// Text is the token as it is written in the statement.
	Text string
	// Value is Text without quotes and with escape sequences resolved. For a Word
	// it is in upper case.
	Value string
	// Start and Stop are the token's byte offsets: sql[Start:Stop].
	Start, Stop int
}

// Is reports whether t is that Word or Symbol. The text must be in upper case.
func (t Token) Is(text string) bool {
	return (t.Kind == Word || t.Kind == Symbol) && t.Value == text
}

// IsName reports whether t can be the name of an object.
func (t Token) IsName() bool { return t.Kind == Word || t.Kind == Quoted }

// Tokens splits sql into tokens, without white space and comments. The error
// has the line and column of a constant, name or comment that is not closed, or
// of a NUL, which Snowflake does not accept anywhere.
func Tokens(sql string) ([]Token, error) {
	l := lexer{sql: sql}
	var tokens []Token
	for {
		if err := l.skipSpace(); err != nil {
			return nil, err
		}
		if l.pos == len(sql) {
			return tokens, nil
		}
		start := l.pos
		kind, value, err := l.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, Token{Kind: kind, Text: sql[start:l.pos], Value: value, Start: start, Stop: l.pos})
	}
}

// Statements splits a script at its semicolons. Text without tokens, such as a
// comment between two semicolons, is not a statement.
func Statements(script string) ([]string, error) {
	tokens, err := Tokens(script)
	if err != nil {
		return nil, err
	}
	var statements []string
	start := -1
	for i, t := range tokens {
		last := i == len(tokens)-1
		switch {
		case t.Is(";"):
			start = -1
			continue
		case start < 0:
			start = t.Start
		}
		if last || tokens[i+1].Is(";") {
			statements = append(statements, script[start:t.Stop])
		}
	}
	return statements, nil
}

// LineColumn returns the line and column of a byte offset, both counted from 1.
func LineColumn(sql string, offset int) (line, column int) {
	line, column = 1, 1
	for _, r := range sql[:offset] {
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return line, column
}

func errorAt(sql string, offset int, message string) error {
	line, column := LineColumn(sql, offset)
	return fmt.Errorf("line %d, column %d: %s", line, column, message)
}
