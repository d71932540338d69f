package fake

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// apply returns old, nil for an item that does not exist, with the changes of
// an update expression. As in DynamoDB, all operands are values of old.
func (e expressions) apply(update string, old, key Item) (Item, error) {
	updated := maps.Clone(old)
	if updated == nil {
		updated = maps.Clone(key)
	}
	p := e.parse(update, old)
	for p.err == nil && len(p.tokens) > 0 {
		change := map[string]func(Item){"SET": p.set, "REMOVE": p.remove, "ADD": p.add}[strings.ToUpper(p.next())]
		if change == nil {
			p.fail()
			break
		}
		for more := true; more && p.err == nil; more = p.accept(",") {
			change(updated)
		}
	}
	return updated, p.err
}

func (p *parser) set(updated Item) {
	name := p.attribute()
	p.expect("=")
	value := p.setOperand()
	if operator := p.peek(); operator == "+" || operator == "-" {
		p.next()
		value = p.sum(value, p.setOperand(), operator)
	}
	if value == nil {
		p.fail() // DynamoDB: the provided expression refers to an attribute that does not exist in the item
		return
	}
	updated[name] = value
}

func (p *parser) setOperand() []byte {
	if !p.accept("if_not_exists") {
		return p.operand()
	}
	p.expect("(")
	value := p.item[p.attribute()]
	p.expect(",")
	otherwise := p.operand()
	p.expect(")")
	if value == nil {
		return otherwise
	}
	return value
}

func (p *parser) remove(updated Item) { delete(updated, p.attribute()) }

func (p *parser) add(updated Item) {
	name := p.attribute()
	updated[name] = p.sum(p.item[name], p.operand(), "+")
}

// sum adds two numbers in their wire form, of which the first may be missing.
func (p *parser) sum(a, b []byte, operator string) []byte {
	x, okX := new(big.Int).SetString(cmp.Or(text(a), "0"), 10)
	y, okY := new(big.Int).SetString(text(b), 10)
	if !okX || !okY || !slices.Contains([]string{"N", ""}, kind(a)) || kind(b) != "N" {
		p.fail()
		return nil
	}
	if operator == "-" {
		y.Neg(y)
	}
	return fmt.Appendf(nil, `{"N":"%s"}`, x.Add(x, y))
}
