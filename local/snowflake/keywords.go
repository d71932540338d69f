package snowflake

import (
	"slices"
	"strings"

	"example.com/ingestion/internal/sqltext"
)

// keywordsAfterFrom has the keywords that end the list of tables of a FROM.
var keywordsAfterFrom = map[string]bool{
	"WHERE": true, "GROUP": true, "ORDER": true, "QUALIFY": true, "LIMIT": true, "HAVING": true, "UNION": true,
	"SELECT": true, "WHEN": true, "SET": true, "VALUES": true, "EXCEPT": true, "INTERSECT": true, "WINDOW": true, "ON": true,
}

// keywordsBeforeParenthesis has the keywords that a parenthesis may follow and that
// are not functions.
var keywordsBeforeParenthesis = map[string]bool{
	"AND": true, "AS": true, "BETWEEN": true, "BY": true, "DISTINCT": true, "ELSE": true, "EXCEPT": true, "EXCLUDE": true,
	"EXISTS": true, "FILTER": true, "FROM": true, "GROUP": true, "HAVING": true, "ILIKE": true, "IN": true, "INSERT": true, "INTERSECT": true,
	"INTO": true, "JOIN": true, "LIKE": true, "LIMIT": true, "NOT": true, "ON": true, "OR": true, "OVER": true, "QUALIFY": true,
	"SELECT": true, "SET": true, "THEN": true, "UNION": true, "USING": true, "VALUES": true, "WHEN": true, "WHERE": true,
	"ALL": true, "RENAME": true, "PARTITION": true,
}

// keyword translates a word: a keyword, a function or a name.
func (t *translator) keyword(tok sqltext.Token) error {
	w := tok.Value
	follows := t.Peek()
	switch {
	case t.last().sql == ".": // a column
		t.emit(piece{sql: quote(w), operand: true, name: true})
		return nil
	case strings.HasPrefix(w, "METADATA$"):
		t.emit(piece{sql: quote(w), operand: true, name: true})
		return nil
	case strings.HasPrefix(w, "SYSTEM$"):
		return t.system(w)
	case (w == "CAST" || w == "TRY_CAST") && follows.Is("("):
		return t.castCall(w == "TRY_CAST")
	case w == "DATEADD" && follows.Is("("):
		return t.dateAdd()
	case strings.HasPrefix(w, "CURRENT_") || w == "SYSDATE" || w == "LOCALTIMESTAMP" || w == "GETDATE":
		if done, err := t.current(w); done || err != nil {
			return err
		}
	}
	if follows.Is("(") && !keywordsBeforeParenthesis[w] {
		return t.call(w)
	}
	depth := len(t.inFrom) - 1
	if keywordsAfterFrom[w] {
		t.inFrom[depth] = false
	}
	switch w {
	case "FROM":
		t.emit(piece{sql: w})
		if slices.Contains([]string{"EXTRACT", "TRIM", "SUBSTRING"}, t.function()) || len(t.out) > 1 && t.out[len(t.out)-2].sql == "DISTINCT" && t.distinctFrom() {
			return nil
		}
		t.inFrom[depth] = true
		return t.table()
	case "JOIN", "INTO", "UPDATE":
		t.emit(piece{sql: w})
		if w == "UPDATE" && len(t.out) > 1 { // … THEN UPDATE SET
			return nil
		}
		return t.table()
	case "USING":
		t.emit(piece{sql: w})
		if t.mergeTarget() {
			return t.table()
		}
		return nil
	case "NULL", "TRUE", "FALSE", "END":
		t.emit(piece{sql: w, operand: true})
		return nil
	case "RLIKE", "REGEXP", "SAMPLE", "TABLESAMPLE", "LATERAL", "PIVOT", "UNPIVOT", "MATCH_RECOGNIZE", "CONNECT":
		return errUnsupported(w)
	}
	t.emit(piece{sql: w, operand: !keywordsBeforeParenthesis[w] && !keywordsAfterFrom[w] && w != "CASE", name: !keywordsBeforeParenthesis[w] && !keywordsAfterFrom[w] && w != "CASE"})
	return nil
}

// function returns the name of the function whose arguments are being translated.
func (t *translator) function() string {
	if len(t.calls) == 0 {
		return ""
	}
	return strings.ToUpper(t.calls[len(t.calls)-1])
}

func (t *translator) distinctFrom() bool {
	n := len(t.out)
	return n > 2 && (t.out[n-3].sql == "IS" || t.out[n-3].sql == "NOT")
}

func (t *translator) mergeTarget() bool { return t.Tokens[0].Is("MERGE") && len(t.calls) == 0 }

func (t *translator) call(w string) error {
	if w == "TABLE" {
		return t.tableFunction()
	}
	name, known := functions[w]
	if !known {
		return errorf("002140", "42601", "SQL compilation error:\nUnknown function %s: the local Snowflake does not support it.", w)
	}
	if name == "" {
		name = w
	}
	t.emit(piece{sql: name, call: true})
	return nil
}

// dateAdd translates DATEADD(unit, n, t), whose unit is not a column.
func (t *translator) dateAdd() error {
	t.Pos++
	unit := strings.ToLower(strings.TrimSuffix(t.Next().Value, "S"))
	if !slices.Contains(dateUnits, unit) {
		t.Back()
		return t.Unexpected("a unit of time")
	}
	if err := t.Expect(","); err != nil {
		return err
	}
	t.emit(piece{sql: "sf_add_" + unit, call: true})
	t.calls, t.inFrom = append(t.calls, ""), append(t.inFrom, false)
	t.emit(piece{sql: "("})
	return nil
}

// current translates context functions such as CURRENT_ROLE, which may be written
// without parentheses.
func (t *translator) current(w string) (bool, error) {
	s := t.st.session
	text := func(v string) string {
		if v == "" {
			return "NULL::VARCHAR"
		}
		return literal(v)
	}
	values := map[string]string{
		"CURRENT_TIMESTAMP": "now()", "LOCALTIMESTAMP": "now()", "GETDATE": "now()", "CURRENT_DATE": "CURRENT_DATE",
		"SYSDATE": "sf_utc()", "CURRENT_TIME": "CURRENT_TIME",
		"CURRENT_ROLE": text(s.role), "CURRENT_USER": text(s.user), "CURRENT_DATABASE": text(s.database),
		"CURRENT_SCHEMA": text(s.schema), "CURRENT_WAREHOUSE": text(s.warehouse), "CURRENT_VERSION": literal(version),
		"CURRENT_ACCOUNT": literal(t.st.catalog.account.name), "CURRENT_REGION": literal("LOCAL"),
	}
	value, known := values[w]
	if !known {
		return false, nil
	}
	if t.Peek().Is("(") {
		if _, err := t.Group(); err != nil { // the precision: DuckDB always has microseconds
			return false, err
		}
	}
	t.emit(piece{sql: value, operand: true})
	return true, nil
}

// table translates the table after FROM, JOIN, INTO, UPDATE or USING.
func (t *translator) table() error {
	tok := t.Peek()
	switch {
	case tok.Is("("):
		return nil
	case tok.Is("@"):
		return errUnsupported("SELECT from a stage outside COPY")
	case tok.Is("TABLE") && t.At(1).Is("("):
		return nil
	case tok.Is("LATERAL"):
		return errUnsupported("LATERAL")
	case !tok.IsName():
		return t.Unexpected("a table")
	}
	parts, err := t.Name()
	if err != nil {
		return err
	}
	if len(parts) == 1 && t.ctes[parts[0]] {
		t.emit(piece{sql: quote(parts[0]), name: true})
		return nil
	}
	if n := len(parts); n > 1 && parts[n-2] == informationSchema {
		return t.systemView(parts)
	}
	o, err := t.st.find(kindTable, parts)
	if err != nil {
		return err
	}
	t.uses = append(t.uses, o)
	name := o.sql()
	if o.kind == kindExternal && t.metadata() {
		name = quoteAll(o.database, o.schema, o.name+allSuffix)
		if a := t.Peek(); !a.IsName() || a.Is("WHERE") || keywordsAfterFrom[a.Value] || keywordsBeforeParenthesis[a.Value] || isJoin(a.Value) {
			name += " AS " + quote(o.name)
		}
	}
	t.emit(piece{sql: name, name: true})
	return nil
}

func isJoin(w string) bool {
	return slices.Contains([]string{"INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "JOIN", "ASOF"}, w)
}
