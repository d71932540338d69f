package sqlparser

import (
	"slices"
	"strings"

	"example.com/ingestion/internal/sqltext"
)

// Column reads the name and data type of a column definition. What follows, such
// as NOT NULL, is not read.
func (p *Parser) Column() (name string, kind sqltext.DataType, err error) {
	t := p.Peek()
	if !t.IsName() {
		return "", kind, p.Unexpected("a column's name")
	}
	p.Pos++
	if kind, err = p.DataType(); err != nil {
		return "", kind, within("column "+t.Text, err)
	}
	return t.Value, kind, nil
}

// DataType reads a data type such as NUMBER(12,2).
func (p *Parser) DataType() (sqltext.DataType, error) {
	t := p.Peek()
	if t.Kind != sqltext.Word {
		return sqltext.DataType{}, p.Unexpected("a data type")
	}
	p.Pos++
	written := t.Value
	if written == "DOUBLE" && p.Accept("PRECISION") {
		written = "DOUBLE PRECISION"
	}
	if p.Peek().Is("(") {
		parameters, err := p.Group()
		if err != nil {
			return sqltext.DataType{}, err
		}
		var texts []string
		for _, t := range parameters.Tokens {
			texts = append(texts, t.Text)
		}
		written += "(" + strings.Join(texts, "") + ")"
	}
	kind, err := sqltext.ParseDataType(written)
	if err != nil {
		return kind, errorf("%s", err)
	}
	return kind, nil
}

// checkColumns checks column definitions: their names and types, and with check
// what follows each type.
func (p *Parser) checkColumns(check func(rest []sqltext.Token) error) error {
	if p.Done() {
		return p.Unexpected("a column's name")
	}
	var seen []string
	for _, column := range p.Split() {
		column.Accept("IF", "NOT", "EXISTS")
		if slices.ContainsFunc([]string{"PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT"}, column.Peek().Is) {
			continue
		}
		written := column.Peek().Text
		name, _, err := column.Column()
		if err != nil {
			return err
		}
		if slices.Contains(seen, name) {
			return errorf("column %s is given twice", written)
		}
		seen = append(seen, name)
		if check == nil {
			continue
		}
		if err := check(column.Tokens[column.Pos:]); err != nil {
			return within("column "+written, err)
		}
	}
	return nil
}

func (p *Parser) checkTable() error {
	if p.Peek().Is("(") {
		columns, err := p.Group()
		if err == nil {
			err = columns.checkColumns(nil)
		}
		if err != nil {
			return err
		}
	}
	if slices.ContainsFunc([]string{"AS", "LIKE", "CLONE"}, p.Peek().Is) {
		p.SkipAll()
		return nil
	}
	_, err := p.options(tableOptions, false, "AS")
	if p.Peek().Is("AS") {
		p.SkipAll()
	}
	return err
}

// checkAddColumns checks what follows ALTER TABLE … ADD.
func (p *Parser) checkAddColumns() error {
	p.Accept("COLUMN")
	if p.Accept("CONSTRAINT") || p.Accept("PRIMARY") || p.Accept("UNIQUE") {
		p.SkipAll()
		return nil
	}
	end := len(p.Tokens)
	if p.Tokens[end-1].Is(";") {
		end--
	}
	columns := p.Part(p.Tokens[p.Pos:end])
	p.SkipAll()
	return columns.checkColumns(nil)
}

// externalMetadata lists the metadata of a file that a column of an external
// table can use.
var externalMetadata = []string{"METADATA$FILENAME", "METADATA$FILE_ROW_NUMBER"}

func (p *Parser) checkExternalTable() error {
	if p.Peek().Is("(") {
		columns, err := p.Group()
		if err == nil {
			err = columns.checkColumns(func(rest []sqltext.Token) error {
				if len(rest) < 2 || !rest[0].Is("AS") {
					return errorf("want AS and an expression: an external table computes its columns")
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

func (p *Parser) checkStream() error {
	p.Accept("COPY", "GRANTS")
	external := false
	switch {
	case p.Accept("ON", "EXTERNAL", "TABLE"):
		external = true
	case p.Accept("ON", "TABLE"), p.Accept("ON", "VIEW"):
	default:
		return p.Unexpected("ON TABLE, ON EXTERNAL TABLE or ON VIEW")
	}
	if _, err := p.Name(); err != nil {
		return err
	}
	found, err := p.options(streamOptions, false)
	switch {
	case err != nil:
		return err
	case external && !found.on("INSERT_ONLY"):
		return errorf("a stream on an external table needs INSERT_ONLY=TRUE")
	case !external && found.on("INSERT_ONLY"):
		return errorf("INSERT_ONLY is only allowed on external tables: use APPEND_ONLY")
	}
	return nil
}

func (p *Parser) checkView() error {
	if p.Peek().Is("(") {
		if _, err := p.Group(); err != nil {
			return err
		}
	}
	if _, err := p.options(viewOptions, false, "AS"); err != nil {
		return err
	}
	if err := p.Expect("AS"); err != nil {
		return err
	}
	if !p.Peek().Is("SELECT") && !p.Peek().Is("WITH") && !p.Peek().Is("(") {
		return p.Unexpected("a query")
	}
	p.SkipAll()
	return nil
}
