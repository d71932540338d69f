package snowflake

import (
	"strings"
)

// parser walks through a statement's tokens.
type parser struct {
	src  string
	toks []token
	i    int
}

func parse(src string) (*parser, error) {
	toks, err := lex(src)
	if err != nil {
		return nil, err
	}
	return &parser{src: src, toks: toks}, nil
}

func (p *parser) at(n int) token {
	if p.i+n < len(p.toks) {
		return p.toks[p.i+n]
	}
	return token{kind: tokEnd, from: len(p.src), to: len(p.src)}
}

func (p *parser) peek() token { return p.at(0) }

func (p *parser) next() token {
	t := p.at(0)
	p.i++
	return t
}

func (p *parser) done() bool { return p.i >= len(p.toks) }

// accept takes the words if all of them come next.
func (p *parser) accept(words ...string) bool {
	for n, w := range words {
		if !p.at(n).isWord(w) {
			return false
		}
	}
	p.i += len(words)
	return true
}

func (p *parser) symbol(s string) bool {
	if p.peek().is(s) {
		p.i++
		return true
	}
	return false
}

func (p *parser) unexpected() error {
	t := p.peek()
	if t.kind == tokEnd {
		return errSyntax("syntax error at the end of the statement: unexpected '<EOF>'.")
	}
	line := strings.Count(p.src[:t.from], "\n") + 1
	column := t.from - (strings.LastIndexByte(p.src[:t.from], '\n') + 1)
	return errSyntax("syntax error line %d at position %d unexpected '%s'.", line, column, p.src[t.from:t.to])
}

func (p *parser) expect(words ...string) error {
	if !p.accept(words...) {
		return p.unexpected()
	}
	return nil
}

func (p *parser) expectSymbol(s string) error {
	if !p.symbol(s) {
		return p.unexpected()
	}
	return nil
}

// end is an error unless the statement is read completely.
func (p *parser) end() error {
	if !p.done() {
		return p.unexpected()
	}
	return nil
}

// rest is the text from here to the end, as it is written.
func (p *parser) rest() string {
	if p.done() {
		return ""
	}
	from := p.peek().from
	to := p.toks[len(p.toks)-1].to
	return p.src[from:to]
}

// name reads a name of one to three parts.
func (p *parser) name() ([]string, error) {
	var parts []string
	for {
		t := p.peek()
		if !t.isName() {
			return nil, p.unexpected()
		}
		parts = append(parts, t.val)
		p.i++
		if len(parts) == 3 || !p.peek().is(".") {
			return parts, nil
		}
		p.i++
	}
}

func (p *parser) text() (string, error) {
	t := p.peek()
	if t.kind != tokString {
		return "", p.unexpected()
	}
	p.i++
	return t.val, nil
}

// group reads a parenthesised run of tokens and gives back what is inside.
func (p *parser) group() (*parser, error) {
	if err := p.expectSymbol("("); err != nil {
		return nil, err
	}
	start, depth := p.i, 1
	for ; !p.done(); p.i++ {
		switch t := p.peek(); {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
		if depth == 0 {
			inner := &parser{src: p.src, toks: p.toks[start:p.i]}
			p.i++
			return inner, nil
		}
	}
	return nil, p.unexpected()
}

// split cuts the remaining tokens at the commas of this level.
func (p *parser) split() []*parser {
	var out []*parser
	start, depth := p.i, 0
	for i := p.i; i <= len(p.toks); i++ {
		if i == len(p.toks) {
			if i > start {
				out = append(out, &parser{src: p.src, toks: p.toks[start:i]})
			}
			break
		}
		switch t := p.toks[i]; {
		case t.is("("), t.is("["):
			depth++
		case t.is(")"), t.is("]"):
			depth--
		case t.is(",") && depth == 0:
			out = append(out, &parser{src: p.src, toks: p.toks[start:i]})
			start = i + 1
		}
	}
	return out
}

// value is what an option is set to: a word, text or number, a list, or options again.
type value struct {
	token
	parts   []string // of a qualified name
	list    []value
	options options
}

type options map[string]value

func (o options) text(key string) string { return o[key].val }

func (o options) has(key string) bool { _, ok := o[key]; return ok }

func (o options) flag(key string) bool { return strings.EqualFold(o[key].val, "TRUE") }

// readOptions reads KEY=VALUE, separated by white space or commas, until
// something else comes.
func (p *parser) readOptions() (options, error) {
	out := options{}
	for p.peek().isName() && p.at(1).is("=") {
		key := p.next().val
		p.i++
		v, err := p.readValue()
		if err != nil {
			return nil, err
		}
		if out.has(key) {
			return nil, errorf("001009", "42601", "SQL compilation error:\nduplicate option(s): %s", key)
		}
		out[key] = v
		p.symbol(",")
	}
	return out, nil
}

func (p *parser) readValue() (value, error) {
	t := p.peek()
	switch {
	case t.is("("):
		inner, err := p.group()
		if err != nil {
			return value{}, err
		}
		return inner.readList(t)
	case t.is("@"):
		parts, path, err := p.stageName()
		if err != nil {
			return value{}, err
		}
		t.val = path
		return value{token: t, parts: parts}, nil
	case t.isName():
		parts, err := p.name()
		if err != nil {
			return value{}, err
		}
		t.val = parts[len(parts)-1]
		return value{token: t, parts: parts}, nil
	case t.kind == tokString, t.kind == tokNumber:
		p.i++
		return value{token: t}, nil
	case t.is("-") && p.at(1).kind == tokNumber:
		p.i++
		t = p.next()
		t.val = "-" + t.val
		return value{token: t}, nil
	}
	return value{}, p.unexpected()
}

func (p *parser) readList(open token) (value, error) {
	v := value{token: open}
	if p.peek().isName() && p.at(1).is("=") {
		o, err := p.readOptions()
		if err != nil {
			return v, err
		}
		v.options = o
		return v, p.end()
	}
	for !p.done() {
		item, err := p.readValue()
		if err != nil {
			return v, err
		}
		v.list = append(v.list, item)
		p.symbol(",")
	}
	return v, nil
}

// stageName reads @"DB"."S"."ST"/path.
func (p *parser) stageName() (parts []string, path string, err error) {
	if err := p.expectSymbol("@"); err != nil {
		return nil, "", err
	}
	if t := p.peek(); t.is("~") || t.is("%") {
		return nil, "", errUnsupported("stages of users and tables")
	}
	if parts, err = p.name(); err != nil {
		return nil, "", err
	}
	from := p.toks[p.i-1].to
	if !p.peek().is("/") || p.peek().from != from {
		return parts, "", nil
	}
	to := from + strings.IndexAny(p.src[from:]+" ", " \t\r\n),;")
	for p.peek().kind != tokEnd && p.peek().from < to {
		p.i++
	}
	return parts, strings.TrimPrefix(p.src[from:to], "/"), nil
}
