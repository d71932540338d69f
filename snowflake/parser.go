package snowflake

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/ingestion/snowflake/token"
)

// parser goes through the tokens of one statement.
type parser struct {
	tokens []token.Token
	pos    int
}

// peek is the next token; past the end one that is nothing.
func (p *parser) peek() token.Token { return p.ahead(0) }

func (p *parser) ahead(n int) token.Token {
	if p.pos+n >= len(p.tokens) {
		return token.Token{Kind: token.Symbol}
	}
	return p.tokens[p.pos+n]
}

func (p *parser) done() bool { return p.pos >= len(p.tokens) }

// accept goes past the words and symbols if they come next.
func (p *parser) accept(words ...string) bool {
	for i, word := range words {
		if !p.ahead(i).Is(word) {
			return false
		}
	}
	p.pos += len(words)
	return true
}

func (p *parser) expect(words ...string) error {
	if !p.accept(words...) {
		return p.unexpected(strings.Join(words, " "))
	}
	return nil
}

func (p *parser) unexpected(want string) error {
	if p.done() {
		return fmt.Errorf("want %s, found the end of the statement", want)
	}
	return fmt.Errorf("want %s, found %s", want, p.peek().Text)
}

// name goes past a name of one to three parts.
func (p *parser) name() error {
	for part := 1; ; part++ {
		if !p.peek().IsName() {
			return p.unexpected("a name")
		}
		p.pos++
		if part == 3 || !p.accept(".") {
			return nil
		}
	}
}

// brackets goes past an opening bracket and all up to its closing one, and
// returns the tokens between them.
func (p *parser) brackets() ([]token.Token, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	start, depth := p.pos, 1
	for ; !p.done(); p.pos++ {
		switch t := p.peek(); {
		case t.Is("("):
			depth++
		case t.Is(")"):
			depth--
		}
		if depth == 0 {
			p.pos++
			return p.tokens[start : p.pos-1], nil
		}
	}
	return nil, errors.New("a bracket is never closed")
}

// list splits tokens at the commas that are in no brackets.
func list(tokens []token.Token) [][]token.Token {
	var items [][]token.Token
	depth, start := 0, 0
	for i, t := range tokens {
		switch {
		case t.Is("("):
			depth++
		case t.Is(")"):
			depth--
		case t.Is(",") && depth == 0:
			items = append(items, tokens[start:i])
			start = i + 1
		}
	}
	return append(items, tokens[start:])
}

// given are the options of a statement, with their values.
type given map[string]string

// on reports whether an option is there and not switched off.
func (g given) on(name string) bool {
	value, ok := g[name]
	return ok && value != "FALSE" && value != "0" && value != "NONE"
}

// options takes options up to the end, a closing bracket or one of the words in until.
func (p *parser) options(table options, altering bool, until ...string) (given, error) {
	found := given{}
	for !p.done() && !p.peek().Is(")") && !p.peek().Is(";") && !slices.ContainsFunc(until, p.peek().Is) {
		if p.accept("WITH") { // goes before LOCATION, and means nothing
			continue
		}
		if len(found) > 0 && p.accept(",") {
			continue
		}
		option := p.optionName()
		rule, ok := table[option]
		switch {
		case !ok && p.peek().Kind != token.Word:
			return nil, p.unexpected("an option")
		case !ok:
			return nil, fmt.Errorf("unknown option %s: there are %s", option, strings.Join(table.names(altering), ", "))
		case altering && !rule.alter:
			return nil, fmt.Errorf("option %s cannot be altered", option)
		case !altering && !rule.create:
			return nil, fmt.Errorf("option %s belongs to ALTER", option)
		}
		if _, twice := found[option]; twice {
			return nil, fmt.Errorf("option %s is there twice", option)
		}
		p.pos += len(strings.Fields(option))
		if !strings.Contains(option, " ") {
			if err := p.expect("="); err != nil {
				return nil, fmt.Errorf("option %s: %w", option, err)
			}
		}
		value, err := rule.value(p)
		if err != nil {
			return nil, fmt.Errorf("option %s: %w", option, err)
		}
		found[option] = value
	}
	return found, table.check(found, altering)
}

// optionName is the option that comes next: two words if they are a clause.
func (p *parser) optionName() string {
	first, second := p.peek(), p.ahead(1)
	if clause := first.Value + " " + second.Value; second.Kind == token.Word && slices.Contains([]string{"COPY GRANTS", "PARTITION BY", "CLUSTER BY"}, clause) {
		return clause
	}
	return first.Value
}

func (o options) names(altering bool) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if altering && o[name].alter || !altering && o[name].create {
			names = append(names, name)
		}
	}
	return names
}

// check looks at options together.
func (o options) check(found given, altering bool) error {
	var missing []string
	for name, rule := range o {
		if _, ok := found[name]; !ok && rule.required && !altering {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("missing option(s): %s", strings.Join(missing, ", "))
	}
	if altering && len(found) == 0 {
		return errors.New("no option is set")
	}
	for _, e := range exclusive {
		if found.on(e.a) && found.on(e.b) {
			return fmt.Errorf("options %s and %s exclude each other: %s", e.a, e.b, e.reason)
		}
	}
	return nil
}
