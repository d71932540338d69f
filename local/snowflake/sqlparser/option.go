package sqlparser

import (
	"slices"
	"strings"

	"example.com/ingestion/internal/sqltext"
)

// Value is the value of an option: a word, constant, number or name, a stage, a
// list, or options in parentheses.
type Value struct {
	// Token is the first token; its Value is that of a word, constant or number,
	// the last part of a name, or the path of a stage.
	sqltext.Token
	// Name has the parts of a name.
	Name []string
	// Stage is set for a location: @stage/path.
	Stage *Stage
	// List has the items of a list in parentheses.
	List []Value
	// Options are options in parentheses; nil if there are none.
	Options Options
}

// Strings returns the values of a list.
func (v Value) Strings() []string {
	values := make([]string, len(v.List))
	for i, item := range v.List {
		values[i] = item.Value
	}
	return values
}

// Options are the options of a statement by name, such as COMMENT. A clause
// without a value, such as COPY GRANTS, is an option with an empty value.
type Options map[string]Value

// Text returns the value of an option; empty if it is not given.
func (o Options) Text(name string) string { return o[name].Value }

// Has reports whether an option is given.
func (o Options) Has(name string) bool { _, ok := o[name]; return ok }

// True reports whether an option is TRUE.
func (o Options) True(name string) bool { return strings.EqualFold(o[name].Value, "TRUE") }

// on reports whether an option is given and not switched off.
func (o Options) on(name string) bool {
	v, ok := o[name]
	return ok && !slices.Contains([]string{"FALSE", "0", "NONE"}, strings.ToUpper(v.Value))
}

// clauses are options of two words that have no equals sign.
var clauses = []string{"COPY GRANTS", "PARTITION BY", "CLUSTER BY"}

// optionName returns the name of the option that comes next, without reading it.
func (p *Parser) optionName() string {
	if clause := p.At(0).Value + " " + p.At(1).Value; slices.Contains(clauses, clause) {
		return clause
	}
	return p.Peek().Value
}

// Options reads NAME=value and clauses, separated by white space or commas, up
// to the first token that does not belong to an option. It accepts every name:
// Check validates names and values.
func (p *Parser) Options() (Options, error) {
	found := Options{}
	for {
		if p.Peek().Is("WITH") && p.At(2).Is("=") { // precedes LOCATION, without a meaning
			p.Pos++
		}
		name := p.optionName()
		if !slices.Contains(clauses, name) && (!p.Peek().IsName() || !p.At(1).Is("=")) {
			return found, nil
		}
		if err := p.option(name, found); err != nil {
			return nil, err
		}
		p.Accept(",")
	}
}

// option reads one option into found.
func (p *Parser) option(name string, found Options) error {
	if found.Has(name) {
		return &Error{Number: NumberDuplicateOption, Message: "option " + name + " is given twice"}
	}
	var v Value
	var err error
	switch name {
	case "COPY GRANTS":
		p.Pos += 2
	case "PARTITION BY", "CLUSTER BY":
		p.Pos += 2
		v.Token = p.Peek()
		var inner *Parser
		if inner, err = p.Group(); err == nil {
			for _, item := range inner.Split() { // expressions
				v.List = append(v.List, Value{Token: item.Peek()})
			}
		}
	default:
		p.Pos++
		if err = p.Expect("="); err == nil {
			v, err = p.value()
		}
	}
	if err != nil {
		return within("option "+name, err)
	}
	found[name] = v
	return nil
}

func (p *Parser) value() (Value, error) {
	t := p.Peek()
	switch {
	case t.Is("("):
		inner, err := p.Group()
		if err != nil {
			return Value{}, err
		}
		return inner.list(t)
	case t.Is("@"):
		stage, err := p.Stage()
		if err != nil {
			return Value{}, err
		}
		t.Value = stage.Path
		return Value{Token: t, Name: stage.Name, Stage: &stage}, nil
	case t.IsName():
		name, err := p.Name()
		if err != nil {
			return Value{}, err
		}
		t.Value = name[len(name)-1]
		return Value{Token: t, Name: name}, nil
	case t.Kind == sqltext.String, t.Kind == sqltext.Number:
		p.Pos++
		return Value{Token: t}, nil
	case t.Is("-") && p.At(1).Kind == sqltext.Number:
		p.Pos++
		t = p.Next()
		t.Value = "-" + t.Value
		return Value{Token: t}, nil
	}
	return Value{}, p.Unexpected("a value")
}

// list reads what is inside parentheses: options or a list of values.
func (p *Parser) list(open sqltext.Token) (Value, error) {
	v := Value{Token: open}
	if p.Peek().IsName() && p.At(1).Is("=") {
		options, err := p.Options()
		if err != nil {
			return v, err
		}
		v.Options = options
		return v, p.ExpectEnd()
	}
	for !p.Done() {
		item, err := p.value()
		if err != nil {
			return v, err
		}
		v.List = append(v.List, item)
		p.Accept(",")
	}
	return v, nil
}
