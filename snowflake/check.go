package snowflake

import (
	"errors"
	"fmt"
	"strings"

	"example.com/ingestion/snowflake/token"
)

// Check says what is wrong with a CREATE or ALTER of one of this project's
// kinds of object, or with a COPY INTO: options that are unknown, have a wrong
// value, are missing, exclude each other or do not belong there. It looks at
// no catalog. Other statements pass. As every object's options are looked up in
// the table that the generator is tested with, a misspelled one cannot pass
// here and fail in Snowflake.
func Check(statement string) error {
	tokens, err := token.Tokens(statement)
	if err != nil {
		return err
	}
	if len(tokens) == 0 {
		return errors.New("the statement is empty")
	}
	p := &parser{tokens: tokens}
	switch {
	case p.accept("CREATE"):
		return p.create()
	case p.accept("ALTER"):
		return p.alter()
	case p.peek().Is("COPY"):
		return p.statement("COPY INTO", func() error { _, err := p.copy(); return err })
	}
	return nil
}

// statement runs a check to the end of the statement, and names it in errors.
func (p *parser) statement(what string, check func() error) error {
	err := check()
	if err == nil {
		p.accept(";")
		if !p.done() {
			err = p.unexpected("the end of the statement")
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// kinds are those that CREATE and ALTER are checked for.
var kinds = []Kind{
	KindStorageIntegration, KindFileFormat, KindStage, KindExternalTable,
	KindTable, KindPipe, KindTask, KindStream, KindView,
}

func (p *parser) kind() (Kind, bool) {
	for _, k := range kinds {
		if p.accept(strings.Fields(string(k))...) {
			return k, true
		}
	}
	return "", false
}

// alterable are the kinds that have a CREATE OR ALTER.
var alterable = map[Kind]bool{KindFileFormat: true, KindStage: true, KindTable: true, KindTask: true, KindView: true}

func (p *parser) create() error {
	replace := p.accept("OR", "REPLACE")
	orAlter := !replace && p.accept("OR", "ALTER")
	for p.accept("SECURE") || p.accept("TRANSIENT") || p.accept("TEMPORARY") || p.accept("TEMP") {
		continue
	}
	kind, ok := p.kind()
	if !ok {
		return nil
	}
	return p.statement("CREATE "+string(kind), func() error {
		if orAlter && !alterable[kind] {
			return errors.New("there is no CREATE OR ALTER of it")
		}
		if p.accept("IF", "NOT", "EXISTS") && (replace || orAlter) {
			return errors.New("IF NOT EXISTS does not go with OR REPLACE or OR ALTER")
		}
		if err := p.name(); err != nil {
			return err
		}
		return p.definition(kind)
	})
}

// definition is what comes after the name in a CREATE.
func (p *parser) definition(kind Kind) error {
	var err error
	switch kind {
	case KindStorageIntegration:
		_, err = p.options(integrationOptions, false)
	case KindFileFormat:
		_, err = p.format(false)
	case KindStage:
		_, err = p.options(stageOptions, false)
	case KindTable:
		return p.table()
	case KindExternalTable:
		return p.externalTable()
	case KindPipe:
		return p.pipe()
	case KindTask:
		return p.task()
	case KindStream:
		return p.stream()
	case KindView:
		return p.view()
	}
	return err
}

// alterations are, by kind, the options of SET and the other verbs of ALTER.
// What comes after another verb is not checked, except where alter says so.
var alterations = map[Kind]struct {
	set   options
	verbs []string
}{
	KindStorageIntegration: {integrationOptions, []string{"UNSET"}},
	KindFileFormat:         {nil, []string{"UNSET", "RENAME"}},
	KindStage:              {stageOptions, []string{"UNSET", "RENAME", "REFRESH"}},
	KindTable:              {tableOptions, []string{"UNSET", "RENAME", "DROP", "ALTER", "MODIFY", "CLUSTER", "SWAP"}},
	KindExternalTable:      {externalTableOptions, []string{"UNSET", "RENAME", "DROP", "REFRESH"}},
	KindPipe:               {pipeOptions, []string{"UNSET"}},
	KindTask:               {taskOptions, []string{"UNSET", "SUSPEND", "RESUME", "MODIFY", "ADD", "REMOVE"}},
	KindStream:             {streamOptions, []string{"UNSET"}},
	KindView:               {viewOptions, []string{"UNSET", "RENAME", "ALTER", "MODIFY"}},
}

func (p *parser) alter() error {
	kind, ok := p.kind()
	if !ok {
		return nil
	}
	return p.statement("ALTER "+string(kind), func() error {
		p.accept("IF", "EXISTS")
		if err := p.name(); err != nil {
			return err
		}
		switch known := alterations[kind]; {
		case p.accept("SET"):
			if kind == KindFileFormat {
				_, err := p.format(true)
				return err
			}
			_, err := p.options(known.set, true)
			return err
		case kind == KindPipe && p.accept("REFRESH"):
			if p.done() || p.peek().Is(";") {
				return nil
			}
			_, err := p.options(refreshOptions, true)
			return err
		case kind == KindTable && p.accept("ADD"):
			return p.addColumns()
		default:
			for _, verb := range known.verbs {
				if p.accept(verb) {
					p.pos = len(p.tokens)
					return nil
				}
			}
			return p.unexpected("one of SET, " + strings.Join(known.verbs, ", "))
		}
	})
}
