package sqlparser

import (
	"maps"
	"slices"
	"strings"

	"example.com/ingestion/internal/sqltext"
)

// options reads options up to the end, a closing parenthesis, a semicolon or
// one of the keywords in until, and validates them.
func (p *Parser) options(known table, altering bool, until ...string) (Options, error) {
	found := Options{}
	for !p.Done() && !p.Peek().Is(")") && !p.Peek().Is(";") && !slices.ContainsFunc(until, p.Peek().Is) {
		if p.Accept("WITH") { // precedes LOCATION, without a meaning
			continue
		}
		if len(found) > 0 && p.Accept(",") {
			continue
		}
		name := p.optionName()
		if _, ok := known[name]; !ok && p.Peek().Kind != sqltext.Word {
			return nil, p.Unexpected("an option")
		}
		if err := known.checkName(name, altering); err != nil {
			return nil, err
		}
		if err := p.option(name, found); err != nil {
			return nil, err
		}
		if err := known.checkValue(name, found[name]); err != nil {
			return nil, err
		}
	}
	return found, known.checkTogether(found, altering)
}

// check validates options that are read already.
func (t table) check(found Options, altering bool) error {
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if err := t.checkName(name, altering); err != nil {
			return err
		}
		if err := t.checkValue(name, found[name]); err != nil {
			return err
		}
	}
	return t.checkTogether(found, altering)
}

func (t table) checkName(name string, altering bool) error {
	switch rule, ok := t[name]; {
	case !ok:
		return errorf("unknown option %s: allowed are %s", name, strings.Join(t.names(altering), ", "))
	case altering && !rule.alter:
		return errorf("option %s cannot be altered", name)
	case !altering && !rule.create:
		return errorf("option %s is only allowed in ALTER", name)
	}
	return nil
}

func (t table) checkValue(name string, v Value) error {
	if err := t[name].value(v); err != nil {
		return within("option "+name, err)
	}
	return nil
}

// checkTogether validates which options are given.
func (t table) checkTogether(found Options, altering bool) error {
	var missing []string
	for name, rule := range t {
		if rule.required && !altering && !found.Has(name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return &Error{Number: NumberMissingOption, Message: "missing option(s): " + strings.Join(missing, ", ")}
	}
	if altering && len(found) == 0 {
		return errorf("no option is set")
	}
	for _, e := range exclusive {
		if found.on(e.a) && found.on(e.b) {
			return errorf("options %s and %s exclude each other: %s", e.a, e.b, e.reason)
		}
	}
	return nil
}

func (t table) names(altering bool) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if altering && t[name].alter || !altering && t[name].create {
			names = append(names, name)
		}
	}
	return names
}
