package sqlparser

import (
	"slices"
	"strings"

	"example.com/ingestion/internal/sqltext"
)

// Copy is a COPY INTO a table.
type Copy struct {
	// Table is the name of the target.
	Table []string
	// Columns are the columns to load into; none for all of the table.
	Columns []string
	// Select are the expressions over a file's columns; none for COPY without a SELECT.
	Select []*Parser
	Stage  Stage
	// Options are read but not validated.
	Options Options
}

// Copy reads a COPY INTO a table up to the end of its options.
func (p *Parser) Copy() (Copy, error) {
	var c Copy
	if err := p.Expect("COPY", "INTO"); err != nil {
		return c, err
	}
	err := p.copySource(&c)
	if err == nil {
		c.Options, err = p.Options()
	}
	return c, err
}

// copySource reads the target, the columns and the FROM of a COPY INTO.
func (p *Parser) copySource(c *Copy) (err error) {
	if c.Table, err = p.Name(); err != nil {
		return err
	}
	if p.Peek().Is("(") {
		columns, err := p.Group()
		if err != nil {
			return err
		}
		for _, column := range columns.Split() {
			c.Columns = append(c.Columns, column.Next().Value)
		}
	}
	if err := p.Expect("FROM"); err != nil {
		return err
	}
	if !p.Peek().Is("(") {
		c.Stage, err = p.Stage()
		return err
	}
	query, err := p.Group()
	if err != nil {
		return err
	}
	return query.copySelect(c)
}

// notInCopy lists keywords that are not allowed in the SELECT of a COPY.
// https://docs.snowflake.com/en/user-guide/data-load-transform
var notInCopy = []string{"WHERE", "JOIN", "FLATTEN", "ORDER", "GROUP", "HAVING", "QUALIFY", "LIMIT", "UNION"}

// copySelect reads SELECT expressions FROM @stage [alias].
func (p *Parser) copySelect(c *Copy) error {
	if err := p.Expect("SELECT"); err != nil {
		return err
	}
	from, depth := p.Pos, 0
	for ; from < len(p.Tokens) && (depth > 0 || !p.Tokens[from].Is("FROM")); from++ {
		switch {
		case p.Tokens[from].Is("("):
			depth++
		case p.Tokens[from].Is(")"):
			depth--
		}
	}
	c.Select = p.Part(p.Tokens[p.Pos:from]).Split()
	p.Pos = from
	if err := p.Expect("FROM"); err != nil {
		return err
	}
	var err error
	if c.Stage, err = p.Stage(); err != nil {
		return err
	}
	for _, t := range p.Tokens {
		if slices.ContainsFunc(notInCopy, t.Is) {
			return errorf("the SELECT of a COPY cannot have %s", t.Text)
		}
	}
	if len(c.Columns) > 0 && len(c.Select) != len(c.Columns) {
		return errorf("the SELECT has %d expressions for %d columns", len(c.Select), len(c.Columns))
	}
	return checkMetadata(p.Tokens, metadataColumns)
}

// checkCopy checks a COPY INTO and returns its options.
func (p *Parser) checkCopy() (Options, error) {
	if err := p.Expect("COPY", "INTO"); err != nil {
		return nil, err
	}
	var c Copy
	if err := p.copySource(&c); err != nil {
		return nil, err
	}
	found, err := p.options(copyOptions, false)
	if err != nil {
		return nil, err
	}
	byName := found.on("MATCH_BY_COLUMN_NAME")
	switch {
	case byName && c.Select != nil:
		return nil, errorf("MATCH_BY_COLUMN_NAME and a SELECT exclude each other")
	case found.Has("INCLUDE_METADATA") && !byName:
		return nil, errorf("INCLUDE_METADATA needs MATCH_BY_COLUMN_NAME")
	case found.Has("VALIDATION_MODE") && c.Select != nil:
		return nil, errorf("VALIDATION_MODE and a SELECT exclude each other")
	}
	return found, nil
}

func (p *Parser) checkPipe() error {
	found, err := p.options(pipeOptions, false, "AS")
	if err != nil {
		return err
	}
	if found.Has("AWS_SNS_TOPIC") && !found.on("AUTO_INGEST") {
		return errorf("AWS_SNS_TOPIC needs AUTO_INGEST=TRUE")
	}
	if err := p.Expect("AS"); err != nil {
		return err
	}
	options, err := p.checkCopy()
	if err != nil {
		return err
	}
	for _, name := range notInPipes {
		if options.Has(name) {
			return errorf("option %s is not allowed in a pipe", name)
		}
	}
	if strings.EqualFold(options.Text("ON_ERROR"), "ABORT_STATEMENT") {
		return errorf("ON_ERROR=ABORT_STATEMENT is not allowed in a pipe")
	}
	return p.checkNoSemicolon()
}

func (p *Parser) checkTask() error {
	if _, err := p.options(taskOptions, false, "AFTER", "WHEN", "AS"); err != nil {
		return err
	}
	for !p.Done() && !p.Peek().Is("AS") { // predecessors and conditions
		p.Pos++
	}
	if err := p.Expect("AS"); err != nil {
		return err
	}
	if p.Done() {
		return p.Unexpected("a statement")
	}
	if p.Peek().Is("COPY") {
		if _, err := p.checkCopy(); err != nil {
			return err
		}
		return p.checkNoSemicolon()
	}
	p.SkipAll()
	return nil
}

// checkNoSemicolon rejects a semicolon after the statement of a pipe or task.
func (p *Parser) checkNoSemicolon() error {
	if p.Peek().Is(";") {
		return errorf("the semicolon would be part of the definition: remove it")
	}
	return nil
}

func checkMetadata(tokens []sqltext.Token, allowed []string) error {
	for _, t := range tokens {
		if t.Kind == sqltext.Word && strings.HasPrefix(t.Value, "METADATA$") && !slices.Contains(allowed, t.Value) {
			return errorf("%s is not one of %s", t.Text, strings.Join(allowed, ", "))
		}
	}
	return nil
}
