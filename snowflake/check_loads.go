package snowflake

import (
	"errors"
	"fmt"
	"slices"

	"example.com/ingestion/snowflake/token"
)

func (p *parser) pipe() error {
	found, err := p.options(pipeOptions, false, "AS")
	if err != nil {
		return err
	}
	if _, topic := found["AWS_SNS_TOPIC"]; topic && !found.on("AUTO_INGEST") {
		return errors.New("AWS_SNS_TOPIC needs AUTO_INGEST=TRUE")
	}
	if err := p.expect("AS"); err != nil {
		return err
	}
	options, err := p.copy()
	if err != nil {
		return err
	}
	for _, name := range notInPipes {
		if _, ok := options[name]; ok {
			return fmt.Errorf("option %s is not allowed in a pipe", name)
		}
	}
	if options["ON_ERROR"] == "ABORT_STATEMENT" {
		return errors.New("ON_ERROR=ABORT_STATEMENT is not allowed in a pipe")
	}
	return p.noSemicolon()
}

func (p *parser) task() error {
	if _, err := p.options(taskOptions, false, "AFTER", "WHEN", "AS"); err != nil {
		return err
	}
	for !p.done() && !p.peek().Is("AS") { // predecessors and conditions
		p.pos++
	}
	if err := p.expect("AS"); err != nil {
		return err
	}
	if p.done() {
		return p.unexpected("a statement")
	}
	if p.peek().Is("COPY") {
		if _, err := p.copy(); err != nil {
			return err
		}
		return p.noSemicolon()
	}
	p.pos = len(p.tokens)
	return nil
}

// noSemicolon refuses what would become part of the definition.
func (p *parser) noSemicolon() error {
	if p.peek().Is(";") {
		return errors.New("the semicolon would be part of the definition: leave it out")
	}
	return nil
}

// copy is a COPY INTO <table>. It returns its options.
func (p *parser) copy() (given, error) {
	if err := p.expect("COPY", "INTO"); err != nil {
		return nil, err
	}
	if err := p.name(); err != nil {
		return nil, err
	}
	columns := 0
	if p.peek().Is("(") {
		tokens, err := p.brackets()
		if err != nil {
			return nil, err
		}
		columns = len(list(tokens))
	}
	if err := p.expect("FROM"); err != nil {
		return nil, err
	}
	transforms := p.peek().Is("(")
	if transforms {
		tokens, err := p.brackets()
		if err == nil {
			err = checkTransformation(tokens, columns)
		}
		if err != nil {
			return nil, err
		}
	} else if err := p.location(); err != nil {
		return nil, err
	}
	found, err := p.options(copyOptions, false)
	if err != nil {
		return nil, err
	}
	_, withMetadata := found["INCLUDE_METADATA"]
	byName := found.on("MATCH_BY_COLUMN_NAME")
	_, validates := found["VALIDATION_MODE"]
	switch {
	case byName && transforms:
		return nil, errors.New("MATCH_BY_COLUMN_NAME and a SELECT exclude each other")
	case withMetadata && !byName:
		return nil, errors.New("INCLUDE_METADATA needs MATCH_BY_COLUMN_NAME")
	case validates && transforms:
		return nil, errors.New("VALIDATION_MODE and a SELECT exclude each other")
	}
	return found, nil
}

// notInCopy are words that no SELECT inside a COPY may have.
var notInCopy = []string{"WHERE", "JOIN", "FLATTEN", "ORDER", "GROUP", "HAVING", "QUALIFY", "LIMIT", "UNION"}

// checkTransformation checks the SELECT of a COPY into so many columns; 0 if it
// names none.
func checkTransformation(tokens []token.Token, columns int) error {
	p := &parser{tokens: tokens}
	if err := p.expect("SELECT"); err != nil {
		return err
	}
	from := p.pos
	for depth := 0; from < len(tokens) && (depth > 0 || !tokens[from].Is("FROM")); from++ {
		switch {
		case tokens[from].Is("("):
			depth++
		case tokens[from].Is(")"):
			depth--
		}
	}
	items := list(tokens[p.pos:from])
	if columns > 0 && len(items) != columns {
		return fmt.Errorf("the SELECT has %d expressions for %d columns", len(items), columns)
	}
	p.pos = from
	if err := p.expect("FROM"); err != nil {
		return err
	}
	if err := p.location(); err != nil {
		return err
	}
	for _, t := range tokens {
		if slices.ContainsFunc(notInCopy, t.Is) {
			return fmt.Errorf("the SELECT of a COPY cannot have %s", t.Text)
		}
	}
	return checkMetadata(tokens, metadataColumns)
}
