// Package token splits Snowflake's SQL into tokens and scripts into statements.
// The checker of package snowflake and the local Snowflake read with it.
package token

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
	// Position is $1: a column of a file, by its place.
	Position
	// Symbol is anything else, such as ( or ::.
	Symbol
)

// Token is one token of a statement.
type Token struct {
	Kind Kind
	// Text is the token as it stands in the statement.
	Text string
	// Value is Text without its quotes and escapes; of a Word, in upper case.
	Value string
	// Start and End are the token's bytes in the statement: sql[Start:End].
	Start, End int
}

// Is reports whether t is that Word or Symbol; text in upper case.
func (t Token) Is(text string) bool {
	return (t.Kind == Word || t.Kind == Symbol) && t.Value == text
}

// IsName reports whether t can name an object.
func (t Token) IsName() bool { return t.Kind == Word || t.Kind == Quoted }

// Tokens splits sql, leaving out white space and comments. It fails on what is
// never closed, and on NUL, which Snowflake takes nowhere.
func Tokens(sql string) ([]Token, error) {
	l := lexer{sql: sql}
	var tokens []Token
	for {
		if err := l.space(); err != nil {
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
		tokens = append(tokens, Token{Kind: kind, Text: sql[start:l.pos], Value: value, Start: start, End: l.pos})
	}
}

// Statements splits a script at its semicolons. What has no tokens is no statement.
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
			statements = append(statements, script[start:t.End])
		}
	}
	return statements, nil
}

func errorAt(sql string, pos int, format string, args ...any) error {
	line, column := 1, 1
	for _, r := range sql[:pos] {
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return fmt.Errorf("line %d, column %d: %s", line, column, fmt.Sprintf(format, args...))
}
