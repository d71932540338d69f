package snowflake

import (
	"slices"
	"strings"

	"example.com/ingestion/internal/sqltext"
)

// listEnds are the words behind which a FROM's list of tables is over.
var listEnds = map[string]bool{
	"WHERE": true, "GROUP": true, "ORDER": true, "QUALIFY": true, "LIMIT": true, "HAVING": true, "UNION": true,
	"SELECT": true, "WHEN": true, "SET": true, "VALUES": true, "EXCEPT": true, "INTERSECT": true, "WINDOW": true, "ON": true,
}

// notCalls are keywords that a parenthesis may follow.
var notCalls = map[string]bool{
	"AND": true, "AS": true, "BETWEEN": true, "BY": true, "DISTINCT": true, "ELSE": true, "EXCEPT": true, "EXCLUDE": true,
	"EXISTS": true, "FILTER": true, "FROM": true, "GROUP": true, "HAVING": true, "ILIKE": true, "IN": true, "INSERT": true, "INTERSECT": true,
	"INTO": true, "JOIN": true, "LIKE": true, "LIMIT": true, "NOT": true, "ON": true, "OR": true, "OVER": true, "QUALIFY": true,
	"SELECT": true, "SET": true, "THEN": true, "UNION": true, "USING": true, "VALUES": true, "WHEN": true, "WHERE": true,
	"ALL": true, "RENAME": true, "PARTITION": true,
}

func (t *translator) word(tok sqltext.Token) error {
	w := tok.Value
	follows := t.Peek()
	switch {
	case t.last().sql == ".": // behind a dot it is a column
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
	if follows.Is("(") && !notCalls[w] {
		return t.call(w)
	}
	depth := len(t.listing) - 1
	if listEnds[w] {
		t.listing[depth] = false
	}
	switch w {
	case "FROM":
		t.emit(piece{sql: w})
		if slices.Contains([]string{"EXTRACT", "TRIM", "SUBSTRING"}, t.function()) || len(t.out) > 1 && t.out[len(t.out)-2].sql == "DISTINCT" && t.distinctFrom() {
			return nil
		}
		t.listing[depth] = true
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
	t.emit(piece{sql: w, operand: !notCalls[w] && !listEnds[w] && w != "CASE", name: !notCalls[w] && !listEnds[w] && w != "CASE"})
	return nil
}

// function is the name of the call that is being written.
func (t *translator) function() string {
	if len(t.opened) == 0 {
		return ""
	}
	return strings.ToUpper(t.opened[len(t.opened)-1])
}

func (t *translator) distinctFrom() bool {
	n := len(t.out)
	return n > 2 && (t.out[n-3].sql == "IS" || t.out[n-3].sql == "NOT")
}

func (t *translator) mergeTarget() bool { return t.Tokens[0].Is("MERGE") && len(t.opened) == 0 }

func (t *translator) call(w string) error {
	if w == "TABLE" {
		return t.tableFunction()
	}
	name, known := functions[w]
	if !known {
		return errorf("002140", "42601", "SQL compilation error:\nUnknown function %s: the local Snowflake does not know it.", w)
	}
	if name == "" {
		name = w
	}
	t.emit(piece{sql: name, call: true})
	return nil
}

// dateAdd translates DATEADD(unit, n, t): units are no columns.
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
	t.opened, t.listing = append(t.opened, ""), append(t.listing, false)
	t.emit(piece{sql: "("})
	return nil
}

// current translates the functions of the context, with or without parentheses.
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
		inner, err := t.Group()
		if err != nil {
			return false, err
		}
		_ = inner // a precision changes nothing here: DuckDB has microseconds
	}
	t.emit(piece{sql: value, operand: true})
	return true, nil
}

// table translates what a FROM, JOIN, INTO, UPDATE or USING names.
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
		if a := t.Peek(); !a.IsName() || a.Is("WHERE") || listEnds[a.Value] || notCalls[a.Value] || isJoin(a.Value) {
			name += " AS " + quote(o.name)
		}
	}
	t.emit(piece{sql: name, name: true})
	return nil
}

func isJoin(w string) bool {
	return slices.Contains([]string{"INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "JOIN", "ASOF"}, w)
}
