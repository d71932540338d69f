package sqlparser

import "strings"

// Check validates a CREATE or ALTER of an object, or a COPY INTO. It reports
// options that are unknown, given twice or missing, wrong values, options that
// exclude each other, and clauses that are not allowed. Names are not looked up.
// Statements of other kinds pass. The error is an *Error.
func Check(statement string) error {
	p, err := New(statement)
	if err != nil {
		return err
	}
	if p.Done() {
		return errorf("the statement is empty")
	}
	switch {
	case p.Accept("CREATE"):
		return p.checkCreate()
	case p.Accept("ALTER"):
		return p.checkAlter()
	case p.Peek().Is("COPY"):
		return p.checkStatement("COPY INTO", func() error { _, err := p.checkCopy(); return err })
	}
	return nil
}

// checkStatement runs a check up to the end of the statement, and prepends the
// statement's name to errors.
func (p *Parser) checkStatement(what string, check func() error) error {
	err := check()
	if err == nil {
		p.Accept(";")
		err = p.ExpectEnd()
	}
	if err != nil {
		return within(what, err)
	}
	return nil
}

// createOrAlter has the kinds that CREATE OR ALTER accepts.
var createOrAlter = map[string]bool{KindFileFormat: true, KindStage: true, KindTable: true, KindTask: true, KindView: true}

func (p *Parser) checkCreate() error {
	replace := p.Accept("OR", "REPLACE")
	orAlter := !replace && p.Accept("OR", "ALTER")
	for p.Accept("SECURE") || p.Accept("TRANSIENT") || p.Accept("TEMPORARY") || p.Accept("TEMP") {
		continue
	}
	kind, err := p.Kind(false)
	if _, known := alterations[kind]; err != nil || !known {
		return nil
	}
	return p.checkStatement("CREATE "+kind, func() error {
		if orAlter && !createOrAlter[kind] {
			return errorf("CREATE OR ALTER does not support it")
		}
		if p.Accept("IF", "NOT", "EXISTS") && (replace || orAlter) {
			return errorf("IF NOT EXISTS and OR REPLACE or OR ALTER exclude each other")
		}
		if _, err := p.Name(); err != nil {
			return err
		}
		return p.checkDefinition(kind)
	})
}

// checkDefinition checks what follows the name in a CREATE.
func (p *Parser) checkDefinition(kind string) error {
	var err error
	switch kind {
	case KindStorageIntegration:
		_, err = p.options(integrationOptions, false)
	case KindFileFormat:
		_, err = p.formatOptions(false)
	case KindStage:
		_, err = p.options(stageOptions, false)
	case KindTable:
		return p.checkTable()
	case KindExternalTable:
		return p.checkExternalTable()
	case KindPipe:
		return p.checkPipe()
	case KindTask:
		return p.checkTask()
	case KindStream:
		return p.checkStream()
	case KindView:
		return p.checkView()
	}
	return err
}

// alterations has for each kind the options of SET and the other verbs of ALTER.
// Only checkAlter checks what follows another verb, and only for some of them.
var alterations = map[string]struct {
	set   table
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

func (p *Parser) checkAlter() error {
	kind, err := p.Kind(false)
	known, ok := alterations[kind]
	if err != nil || !ok {
		return nil
	}
	return p.checkStatement("ALTER "+kind, func() error {
		p.Accept("IF", "EXISTS")
		if _, err := p.Name(); err != nil {
			return err
		}
		switch {
		case p.Accept("SET"):
			if kind == KindFileFormat {
				_, err := p.formatOptions(true)
				return err
			}
			_, err := p.options(known.set, true)
			return err
		case kind == KindPipe && p.Accept("REFRESH"):
			if p.Done() || p.Peek().Is(";") {
				return nil
			}
			_, err := p.options(refreshOptions, true)
			return err
		case kind == KindTable && p.Accept("ADD"):
			return p.checkAddColumns()
		default:
			for _, verb := range known.verbs {
				if p.Accept(verb) {
					p.SkipAll()
					return nil
				}
			}
			return p.Unexpected("one of SET, " + strings.Join(known.verbs, ", "))
		}
	})
}

// formatOptions reads and checks the options of a file format, which depend on
// its type.
func (p *Parser) formatOptions(altering bool) (Options, error) {
	kind := ""
	for i := p.Pos; i+2 < len(p.Tokens); i++ {
		if p.Tokens[i].Is("TYPE") && p.Tokens[i+1].Is("=") {
			kind = p.Tokens[i+2].Value
			break
		}
	}
	return p.options(formatTable(kind, altering), altering)
}
