package snowflake

import (
	sf "example.com/ingestion/snowflake/token"
)

type tokenKind int

const (
	tokEnd    tokenKind = iota
	tokWord             // a bare word: keyword or name, val is upper-cased
	tokName             // a quoted name
	tokString           // a literal
	tokNumber
	tokColumn // $1
	tokSymbol
)

var tokenKinds = map[sf.Kind]tokenKind{
	sf.Word: tokWord, sf.Quoted: tokName, sf.String: tokString,
	sf.Number: tokNumber, sf.Position: tokColumn, sf.Symbol: tokSymbol,
}

// token is one lexical unit. val is what it means, src[from:to] how it is
// written. Unlike those of package token there is one for the end.
type token struct {
	kind     tokenKind
	val      string
	from, to int
}

func (t token) is(symbol string) bool   { return t.kind == tokSymbol && t.val == symbol }
func (t token) isWord(word string) bool { return t.kind == tokWord && t.val == word }
func (t token) isName() bool            { return t.kind == tokWord || t.kind == tokName }

// lex splits a statement. A semicolon at its end goes.
func lex(src string) ([]token, error) {
	all, err := sf.Tokens(src)
	if err != nil {
		return nil, errSyntax("syntax error %s.", err)
	}
	out := make([]token, len(all))
	for i, t := range all {
		out[i] = token{kind: tokenKinds[t.Kind], val: t.Value, from: t.Start, to: t.End}
		if t.Kind == sf.Position {
			out[i].val = t.Text
		}
	}
	if n := len(out); n > 0 && out[n-1].is(";") {
		out = out[:n-1]
	}
	return out, nil
}
