package fake

import (
	"bytes"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// expressions evaluates DynamoDB's condition, key condition, filter and update
// expressions, with the names and values of one request. It supports what
// "Expressions in DynamoDB" describes for top-level attributes, without size,
// contains, attribute_type, list_append and DELETE.
type expressions struct {
	names  map[string]string
	values Item
}

// parser reads one expression. Its methods report what it does not support or
// cannot parse in err, and then return zero values.
type parser struct {
	expressions
	text   string
	tokens []string
	item   Item // the item that the expression is evaluated for; nil if there is none
	err    error
}

var token = regexp.MustCompile(`[#:]?[A-Za-z0-9_.\-]+|<>|<=|>=|[=<>(),+\-]|\S`)

func (e expressions) parse(text string, item Item) *parser {
	return &parser{expressions: e, text: text, tokens: token.FindAllString(text, -1), item: item}
}

// matches reports whether item, nil for an item that does not exist, satisfies
// a condition. An empty condition is always satisfied.
func (e expressions) matches(condition string, item Item) (bool, error) {
	if condition == "" {
		return true, nil
	}
	p := e.parse(condition, item)
	ok := p.or()
	if p.err == nil && len(p.tokens) > 0 {
		p.fail()
	}
	return ok, p.err
}

func (p *parser) fail() {
	if p.err == nil {
		p.err = invalid("expression %q is invalid or not supported, at %q", p.text, strings.Join(p.tokens, " "))
	}
	p.tokens = nil
}

func (p *parser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *parser) next() string {
	t := p.peek()
	if t == "" {
		p.fail()
		return ""
	}
	p.tokens = p.tokens[1:]
	return t
}

// accept consumes the next token if it is the given one, whatever its case.
func (p *parser) accept(want string) bool {
	if !strings.EqualFold(p.peek(), want) {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *parser) expect(want string) {
	if !p.accept(want) {
		p.fail()
	}
}

func (p *parser) or() bool {
	ok := p.and()
	for p.accept("OR") {
		other := p.and()
		ok = ok || other
	}
	return ok
}

func (p *parser) and() bool {
	ok := p.not()
	for p.accept("AND") {
		other := p.not()
		ok = ok && other
	}
	return ok
}

func (p *parser) not() bool {
	if p.accept("NOT") {
		return !p.not()
	}
	return p.primary()
}

func (p *parser) primary() bool {
	switch {
	case p.accept("("):
		ok := p.or()
		p.expect(")")
		return ok
	case p.accept("attribute_exists"):
		return p.exists()
	case p.accept("attribute_not_exists"):
		return !p.exists()
	case p.accept("begins_with"):
		p.expect("(")
		whole := p.operand()
		p.expect(",")
		start := p.operand()
		p.expect(")")
		return whole != nil && strings.HasPrefix(text(whole), text(start))
	}
	left := p.operand()
	switch operator := p.next(); strings.ToUpper(operator) {
	case "BETWEEN":
		low := p.operand()
		p.expect("AND")
		high := p.operand()
		return compare(left, low, ">=") && compare(left, high, "<=")
	case "IN":
		found := false
		p.expect("(")
		for more := true; more && p.err == nil; more = p.accept(",") {
			found = compare(left, p.operand(), "=") || found
		}
		p.expect(")")
		return found
	case "=", "<>", "<", "<=", ">", ">=":
		return compare(left, p.operand(), operator)
	}
	p.fail()
	return false
}

func (p *parser) exists() bool {
	p.expect("(")
	_, ok := p.item[p.attribute()]
	p.expect(")")
	return ok
}

// attribute reads the name of an attribute, or the placeholder of one.
func (p *parser) attribute() string {
	name := p.next()
	if strings.HasPrefix(name, "#") {
		name = p.names[name]
	} else if strings.ContainsAny(name, ".:()=<>,+") {
		name = ""
	}
	if name == "" {
		p.fail()
	}
	return name
}

// operand returns the value of an attribute, nil if the item does not have it,
// or of a placeholder.
func (p *parser) operand() []byte {
	if strings.HasPrefix(p.peek(), ":") {
		v := p.values[p.next()]
		if v == nil {
			p.fail()
		}
		return v
	}
	return p.item[p.attribute()]
}

// compare compares two values in their wire form. As in DynamoDB, every
// comparison with a missing attribute is false, but for <>.
func compare(a, b []byte, operator string) bool {
	if a == nil || b == nil || kind(a) != kind(b) {
		return operator == "<>"
	}
	var order int
	switch kind(a) {
	case "S":
		order = strings.Compare(text(a), text(b))
	case "N":
		x, okX := new(big.Rat).SetString(text(a))
		y, okY := new(big.Rat).SetString(text(b))
		if !okX || !okY {
			return false
		}
		order = x.Cmp(y)
	default:
		same := bytes.Equal(a, b)
		return operator == "=" && same || operator == "<>" && !same
	}
	return slices.Contains(map[string][]int{
		"=": {0}, "<>": {-1, 1}, "<": {-1}, "<=": {-1, 0}, ">": {1}, ">=": {0, 1},
	}[operator], order)
}

// equals returns the value with which a key condition compares an attribute.
func (e expressions) equals(condition, attribute string) (value string, ok bool) {
	tokens := token.FindAllString(condition, -1)
	for i := 0; i+2 < len(tokens); i++ {
		if name := tokens[i]; (name == attribute || e.names[name] == attribute) && tokens[i+1] == "=" {
			return text(e.values[tokens[i+2]]), true
		}
	}
	return "", false
}
