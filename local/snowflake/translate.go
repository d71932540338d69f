package snowflake

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"example.com/ingestion/internal/sqltext"
	"example.com/ingestion/local/snowflake/sqlparser"
)

// piece is a part of DuckDB's SQL.
type piece struct {
	sql     string
	operand bool // a cast or path may follow it
	name    bool // part of a name, which a dot may follow
	call    bool // the name of a function, which a parenthesis follows
	json    bool // a VARIANT
}

// translator translates an expression or query from Snowflake's SQL to DuckDB's.
type translator struct {
	*sqlparser.Parser
	st  *statement
	ctx context.Context
	out []piece
	// calls has for each open parenthesis the name of the function before it, or "".
	calls []string
	// inFrom has for each depth of parentheses whether the list of tables of a FROM is
	// being translated.
	inFrom []bool
	ctes   map[string]bool // common table expressions
	// variant is set if $1 is a VARIANT and not text.
	variant bool
	// uses has the tables and views in the order in which they are named.
	uses []*object
}

func (st *statement) translator(ctx context.Context, p *sqlparser.Parser) *translator {
	t := &translator{Parser: p, st: st, ctx: ctx, inFrom: []bool{false}, ctes: map[string]bool{}}
	for i := range p.Tokens { // name AS (SELECT …)
		if i+3 < len(p.Tokens) && p.Tokens[i].IsName() && p.Tokens[i+1].Is("AS") && p.Tokens[i+2].Is("(") &&
			(p.Tokens[i+3].Is("SELECT") || p.Tokens[i+3].Is("WITH")) {
			t.ctes[p.Tokens[i].Value] = true
		}
	}
	return t
}

// sql translates the remaining tokens.
func (t *translator) sql() (string, error) {
	for !t.Done() {
		if err := t.step(); err != nil {
			return "", err
		}
	}
	var b strings.Builder
	for i, p := range t.out {
		if i > 0 && p.sql != "." && t.out[i-1].sql != "." {
			b.WriteByte(' ')
		}
		b.WriteString(p.sql)
	}
	return b.String(), nil
}

func (t *translator) emit(p piece) { t.out = append(t.out, p) }

func (t *translator) last() piece {
	if len(t.out) == 0 {
		return piece{}
	}
	return t.out[len(t.out)-1]
}

func (t *translator) step() error {
	tok := t.Next()
	switch tok.Kind {
	case sqltext.String:
		t.emit(piece{sql: literal(tok.Value), operand: true})
	case sqltext.Number:
		t.emit(piece{sql: tok.Value, operand: true})
	case sqltext.Position:
		t.emit(piece{sql: quote(tok.Value), operand: true, json: t.variant})
	case sqltext.Quoted:
		t.emit(piece{sql: quote(tok.Value), operand: true, name: true})
	case sqltext.Word:
		return t.keyword(tok)
	default:
		return t.symbolStep(tok)
	}
	return nil
}

func (t *translator) symbolStep(tok sqltext.Token) error {
	switch tok.Value {
	case "::":
		typ, err := readType(t.Parser)
		if err != nil {
			return err
		}
		if !t.last().operand {
			t.Back()
			return t.Unexpected("an expression")
		}
		operand, variant := t.pop()
		return t.cast(operand, variant, typ, false)
	case ":", "[":
		if tok.Value == "[" && !t.last().json {
			return errUnsupported("arrays in SQL")
		}
		if !t.last().operand {
			t.Back()
			return t.Unexpected("an expression")
		}
		t.Back()
		return t.path()
	case "(":
		name := ""
		if last := t.last(); last.call {
			name = last.sql
		}
		t.calls, t.inFrom = append(t.calls, name), append(t.inFrom, false)
		t.emit(piece{sql: "("})
		return nil
	case ")":
		if len(t.calls) == 0 {
			t.Back()
			return t.Unexpected("an expression")
		}
		t.calls, t.inFrom = t.calls[:len(t.calls)-1], t.inFrom[:len(t.inFrom)-1]
		t.emit(piece{sql: ")", operand: true})
		return nil
	case ",":
		t.emit(piece{sql: ","})
		if t.inFrom[len(t.inFrom)-1] {
			return t.table()
		}
		return nil
	case "=", "<>", "!=", "<", ">", "<=", ">=":
		t.compare()
	case ".", "*", "+", "-", "/", "%", "||", "=>":
	default:
		t.Back()
		return t.Unexpected("an expression")
	}
	t.emit(piece{sql: tok.Value})
	return nil
}

// compare converts a VARIANT to the type of the constant that it is compared with:
// DuckDB would compare its JSON text.
func (t *translator) compare() {
	if !t.last().json {
		return
	}
	switch t.Peek().Kind {
	case sqltext.String:
		operand, _ := t.pop()
		t.emit(piece{sql: "sf_varchar(" + operand + ")"})
	case sqltext.Number:
		operand, _ := t.pop()
		t.emit(piece{sql: "TRY_CAST(sf_varchar(" + operand + ") AS DECIMAL(38,9))"})
	}
}

// pop removes the last operand from the output and returns it.
func (t *translator) pop() (sql string, variant bool) {
	start := len(t.out) - 1
	switch {
	case t.out[start].sql == ")":
		for depth := 0; start >= 0; start-- {
			switch t.out[start].sql {
			case ")":
				depth++
			case "(":
				depth--
			}
			if depth == 0 {
				break
			}
		}
		if start > 0 && t.out[start-1].call {
			start--
		}
	case t.out[start].sql == "END":
		for depth := 0; start >= 0; start-- {
			switch t.out[start].sql {
			case "END":
				depth++
			case "CASE":
				depth--
			}
			if depth == 0 {
				break
			}
		}
	case t.out[start].name:
		for start >= 2 && t.out[start-1].sql == "." && t.out[start-2].name {
			start -= 2
		}
	}
	variant = t.last().json
	var parts []string
	for _, p := range t.out[start:] {
		parts = append(parts, p.sql)
	}
	t.out = t.out[:start]
	return strings.ReplaceAll(strings.Join(parts, " "), " . ", "."), variant
}

// path translates the path :a."b"[0] after an operand.
func (t *translator) path() error {
	var steps []pathStep
	for {
		tok := t.Peek()
		switch {
		case tok.Is(":") && len(steps) == 0, tok.Is(".") && len(steps) > 0:
			t.Pos++
			key := t.Next()
			if !key.IsName() {
				t.Back()
				return t.Unexpected("a key")
			}
			text := key.Value
			if key.Kind == sqltext.Word { // unlike names, keys are case-sensitive
				text = t.Source[key.Start:key.Stop]
			}
			steps = append(steps, pathStep{key: &text})
			continue
		case tok.Is("["):
			step, err := t.index()
			if err != nil {
				return err
			}
			steps = append(steps, step)
			continue
		}
		break
	}
	operand, _ := t.pop()
	t.emit(piece{sql: "sf_get(" + operand + ", " + literal(jsonPath(steps)) + ")", operand: true, json: true})
	return nil
}

func (t *translator) index() (pathStep, error) {
	t.Pos++
	tok := t.Next()
	if !t.Accept("]") {
		return pathStep{}, t.Unexpected("]")
	}
	if tok.Kind == sqltext.String {
		return pathStep{key: &tok.Value}, nil
	}
	n, err := strconv.Atoi(tok.Value)
	if err != nil {
		return pathStep{}, errSyntax("'%s' is not an index of an array.", tok.Value)
	}
	return pathStep{index: n}, nil
}

// cast writes a conversion. JSON null and a path without a value become NULL.
func (t *translator) cast(operand string, variant bool, typ sqlType, try bool) error {
	word := "CAST"
	if try {
		word = "TRY_CAST"
	}
	switch {
	case variant && try:
		return errorf("001065", "22023", "SQL compilation error:\nFunction TRY_CAST cannot be used with arguments of types VARIANT and %s", typ.name)
	case typ.duck == "VARCHAR":
		operand = "sf_varchar(" + operand + ")"
	case typ.variant():
		if !variant {
			operand = "to_json(" + operand + ")"
		}
	case variant:
		operand = "CAST(sf_varchar(" + operand + ") AS " + typ.duck + ")"
	default:
		operand = word + "(" + operand + " AS " + typ.duck + ")"
	}
	t.emit(piece{sql: operand, operand: true, json: typ.variant()})
	return nil
}

// castCall translates CAST(x AS type) and TRY_CAST(x AS type).
func (t *translator) castCall(try bool) error {
	inner, err := t.Group()
	if err != nil {
		return err
	}
	depth, as := 0, -1
	for i, tok := range inner.Tokens {
		switch {
		case tok.Is("("):
			depth++
		case tok.Is(")"):
			depth--
		case depth == 0 && tok.Is("AS"):
			as = i
		}
	}
	if as < 0 {
		return errSyntax("CAST needs AS.")
	}
	value := t.part(inner.Tokens[:as])
	operand, err := value.sql()
	if err != nil {
		return err
	}
	t.uses = append(t.uses, value.uses...)
	kind := t.Part(inner.Tokens[as+1:])
	typ, err := readType(kind)
	if err != nil {
		return err
	}
	if err := kind.ExpectEnd(); err != nil {
		return err
	}
	return t.cast(operand, len(value.out) == 1 && value.last().json, typ, try)
}

// part returns a translator of a part of the same statement.
func (t *translator) part(tokens []sqltext.Token) *translator {
	return &translator{
		Parser: t.Part(tokens), st: t.st, ctx: t.ctx,
		inFrom: []bool{false}, ctes: t.ctes, variant: t.variant,
	}
}

// metadata reports whether the statement selects metadata of files.
func (t *translator) metadata() bool {
	return slices.ContainsFunc(t.st.Tokens, func(tok sqltext.Token) bool {
		return tok.Kind == sqltext.Word && strings.HasPrefix(tok.Value, "METADATA$")
	})
}
