package sqlparser

import (
	"strings"

	"example.com/ingestion/internal/sqltext"
)

// Parser reads the tokens of one statement from left to right.
type Parser struct {
	// Source is the statement; Tokens are all or a part of its tokens.
	Source string
	Tokens []sqltext.Token
	// Pos is the index of the next token.
	Pos int
}

// New splits a statement into tokens. A semicolon at its end is kept.
func New(source string) (*Parser, error) {
	tokens, err := sqltext.Tokens(source)
	if err != nil {
		return nil, errorf("%s", err)
	}
	return &Parser{Source: source, Tokens: tokens}, nil
}

// TrimSemicolon drops a semicolon at the end of the statement.
func (p *Parser) TrimSemicolon() {
	if n := len(p.Tokens); n > 0 && p.Tokens[n-1].Is(";") {
		p.Tokens = p.Tokens[:n-1]
	}
}

// Part returns a parser of some tokens of the same statement.
func (p *Parser) Part(tokens []sqltext.Token) *Parser {
	return &Parser{Source: p.Source, Tokens: tokens}
}

// At returns the token n places after the next one. After the last token it
// returns one of kind End.
func (p *Parser) At(n int) sqltext.Token {
	if p.Pos+n < len(p.Tokens) {
		return p.Tokens[p.Pos+n]
	}
	return sqltext.Token{Kind: sqltext.End, Start: len(p.Source), Stop: len(p.Source)}
}

// Peek returns the next token without reading it.
func (p *Parser) Peek() sqltext.Token { return p.At(0) }

// Next reads a token.
func (p *Parser) Next() sqltext.Token {
	t := p.At(0)
	p.Pos++
	return t
}

// Back returns the token that was read last, so that it is the next one again.
func (p *Parser) Back() { p.Pos-- }

// Done reports whether all tokens are read.
func (p *Parser) Done() bool { return p.Pos >= len(p.Tokens) }

// SkipAll reads all tokens that remain.
func (p *Parser) SkipAll() { p.Pos = len(p.Tokens) }

// Accept reads the keywords and symbols if all of them come next.
func (p *Parser) Accept(texts ...string) bool {
	for i, text := range texts {
		if !p.At(i).Is(text) {
			return false
		}
	}
	p.Pos += len(texts)
	return true
}

// Expect is Accept, with an error if something else comes next.
func (p *Parser) Expect(texts ...string) error {
	if !p.Accept(texts...) {
		return p.Unexpected(strings.Join(texts, " "))
	}
	return nil
}

// ExpectEnd returns an error unless all tokens are read.
func (p *Parser) ExpectEnd() error {
	if !p.Done() {
		return p.Unexpected("the end of the statement")
	}
	return nil
}

// Unexpected returns the error that the next token is not what is wanted.
func (p *Parser) Unexpected(want string) error {
	t := p.Peek()
	if t.Kind == sqltext.End {
		return errorf("want %s, found the end of the statement", want)
	}
	line, column := sqltext.LineColumn(p.Source, t.Start)
	return errorf("want %s, found %s (line %d, column %d)", want, t.Text, line, column)
}

// Rest returns the text from the next token to the last one, as it is written.
func (p *Parser) Rest() string {
	if p.Done() {
		return ""
	}
	return p.Source[p.Peek().Start:p.Tokens[len(p.Tokens)-1].Stop]
}

// Name reads a name of one to three parts.
func (p *Parser) Name() ([]string, error) {
	var parts []string
	for {
		t := p.Peek()
		if !t.IsName() {
			return nil, p.Unexpected("a name")
		}
		parts = append(parts, t.Value)
		p.Pos++
		if len(parts) == 3 || !p.Accept(".") {
			return parts, nil
		}
	}
}

// Text reads a constant in quotes and returns its value.
func (p *Parser) Text() (string, error) {
	t := p.Peek()
	if t.Kind != sqltext.String {
		return "", p.Unexpected("a constant in single quotes")
	}
	p.Pos++
	return t.Value, nil
}

// Group reads an opening parenthesis and all up to its closing one, and returns
// a parser of the tokens between them.
func (p *Parser) Group() (*Parser, error) {
	if err := p.Expect("("); err != nil {
		return nil, err
	}
	start, depth := p.Pos, 1
	for ; !p.Done(); p.Pos++ {
		switch t := p.Peek(); {
		case t.Is("("):
			depth++
		case t.Is(")"):
			depth--
		}
		if depth == 0 {
			p.Pos++
			return p.Part(p.Tokens[start : p.Pos-1]), nil
		}
	}
	return nil, p.Unexpected("the ) of an open parenthesis")
}

// Split splits the remaining tokens at the commas that are not in parentheses
// or brackets. Without tokens there are no parts; after a comma at the end there is
// an empty one.
func (p *Parser) Split() []*Parser {
	if p.Done() {
		return nil
	}
	var parts []*Parser
	start, depth := p.Pos, 0
	for i := p.Pos; i < len(p.Tokens); i++ {
		switch t := p.Tokens[i]; {
		case t.Is("("), t.Is("["):
			depth++
		case t.Is(")"), t.Is("]"):
			depth--
		case t.Is(",") && depth == 0:
			parts = append(parts, p.Part(p.Tokens[start:i]))
			start = i + 1
		}
	}
	return append(parts, p.Part(p.Tokens[start:]))
}

// Stage is a stage in a FROM or LOCATION: @"DB"."S"."STAGE"/path.
type Stage struct {
	// Scope is ~ for a user's stage, % for a table's, and empty for a named one.
	Scope string
	// Name has the parts of the name; none for a user's stage.
	Name []string
	// Path follows the slash after the name.
	Path string
}

// Stage reads a stage and the path that follows without white space.
func (p *Parser) Stage() (Stage, error) {
	var s Stage
	if err := p.Expect("@"); err != nil {
		return s, err
	}
	if p.Accept("~") {
		s.Scope = "~"
	} else {
		if p.Accept("%") {
			s.Scope = "%"
		}
		var err error
		if s.Name, err = p.Name(); err != nil {
			return s, err
		}
	}
	start := p.Tokens[p.Pos-1].Stop
	if !p.Peek().Is("/") || p.Peek().Start != start {
		return s, nil
	}
	stop := start + strings.IndexAny(p.Source[start:]+" ", " \t\r\n),;")
	for p.Peek().Kind != sqltext.End && p.Peek().Start < stop {
		p.Pos++
	}
	s.Path = strings.TrimPrefix(p.Source[start:stop], "/")
	return s, nil
}
