package snowflake

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/ingestion/snowflake/token"
)

// table is a CREATE TABLE after its name.
func (p *parser) table() error {
	if p.peek().Is("(") {
		columns, err := p.brackets()
		if err == nil {
			err = checkColumns(columns, nil)
		}
		if err != nil {
			return err
		}
	}
	for _, rest := range []string{"AS", "LIKE", "CLONE"} {
		if p.peek().Is(rest) {
			p.pos = len(p.tokens)
			return nil
		}
	}
	_, err := p.options(tableOptions, false, "AS")
	if p.peek().Is("AS") {
		p.pos = len(p.tokens)
	}
	return err
}

// addColumns is an ALTER TABLE after ADD.
func (p *parser) addColumns() error {
	p.accept("COLUMN")
	if p.accept("CONSTRAINT") || p.accept("PRIMARY") || p.accept("UNIQUE") {
		p.pos = len(p.tokens)
		return nil
	}
	end := len(p.tokens)
	if p.tokens[end-1].Is(";") {
		end--
	}
	columns := p.tokens[p.pos:end]
	p.pos = end
	return checkColumns(columns, nil)
}

// checkColumns checks a list of columns: names, types, and what after says of
// the tokens after each type, if it is not nil.
func checkColumns(tokens []token.Token, after func(rest []token.Token) error) error {
	var seen []string
	for _, item := range list(tokens) {
		column := &parser{tokens: item}
		column.accept("IF", "NOT", "EXISTS")
		if slices.ContainsFunc([]string{"PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT"}, column.peek().Is) {
			continue
		}
		name := column.peek()
		if !name.IsName() {
			return column.unexpected("a column's name")
		}
		column.pos++
		if slices.Contains(seen, name.Value) {
			return fmt.Errorf("column %s is there twice", name.Text)
		}
		seen = append(seen, name.Value)
		err := column.dataType()
		if err == nil && after != nil {
			err = after(column.tokens[column.pos:])
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", name.Text, err)
		}
	}
	return nil
}

// dataType goes past a type.
func (p *parser) dataType() error {
	t := p.peek()
	if t.Kind != token.Word {
		return p.unexpected("a data type")
	}
	p.pos++
	written := t.Value
	if written == "DOUBLE" && p.accept("PRECISION") {
		written = "DOUBLE PRECISION"
	}
	if p.peek().Is("(") {
		parameters, err := p.brackets()
		if err != nil {
			return err
		}
		var texts []string
		for _, t := range parameters {
			texts = append(texts, t.Text)
		}
		written += "(" + strings.Join(texts, "") + ")"
	}
	_, _, err := parseType(written)
	return err
}

// externalMetadata are the METADATA$ columns of external tables.
var externalMetadata = []string{"METADATA$FILENAME", "METADATA$FILE_ROW_NUMBER"}

func (p *parser) externalTable() error {
	if p.peek().Is("(") {
		columns, err := p.brackets()
		if err == nil {
			err = checkColumns(columns, func(rest []token.Token) error {
				if len(rest) < 2 || !rest[0].Is("AS") {
					return errors.New("want AS and an expression: an external table computes its columns")
				}
				return checkMetadata(rest, externalMetadata)
			})
		}
		if err != nil {
			return err
		}
	}
	_, err := p.options(externalTableOptions, false)
	return err
}

func checkMetadata(tokens []token.Token, allowed []string) error {
	for _, t := range tokens {
		if t.Kind == token.Word && strings.HasPrefix(t.Value, "METADATA$") && !slices.Contains(allowed, t.Value) {
			return fmt.Errorf("%s is none of %s", t.Text, strings.Join(allowed, ", "))
		}
	}
	return nil
}

func (p *parser) stream() error {
	p.accept("COPY", "GRANTS")
	external := false
	switch {
	case p.accept("ON", "EXTERNAL", "TABLE"):
		external = true
	case p.accept("ON", "TABLE"), p.accept("ON", "VIEW"):
	default:
		return p.unexpected("ON TABLE, ON EXTERNAL TABLE or ON VIEW")
	}
	if err := p.name(); err != nil {
		return err
	}
	found, err := p.options(streamOptions, false)
	switch {
	case err != nil:
		return err
	case external && !found.on("INSERT_ONLY"):
		return errors.New("a stream on an external table needs INSERT_ONLY=TRUE")
	case !external && found.on("INSERT_ONLY"):
		return errors.New("INSERT_ONLY belongs to external tables: use APPEND_ONLY")
	}
	return nil
}

func (p *parser) view() error {
	if p.peek().Is("(") {
		if _, err := p.brackets(); err != nil {
			return err
		}
	}
	if _, err := p.options(viewOptions, false, "AS"); err != nil {
		return err
	}
	if err := p.expect("AS"); err != nil {
		return err
	}
	if !p.peek().Is("SELECT") && !p.peek().Is("WITH") && !p.peek().Is("(") {
		return p.unexpected("a query")
	}
	p.pos = len(p.tokens)
	return nil
}
