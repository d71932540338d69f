package snowflake

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// maker prepares an object from the rest of its CREATE statement and gives back
// what makes it. With CREATE OR ALTER, existing is what is there already.
type maker func(st *statement, ctx context.Context, o, existing *object) (apply func() error, err error)

var makers map[string]maker

func init() {
	makers = map[string]maker{
		kindDatabase: makeDatabase, kindSchema: makeSchema, kindWarehouse: makeWarehouse,
		kindIntegration: makeIntegration, kindFormat: makeFormat, kindStage: makeStage,
		kindTable: makeTable, kindView: makeView, kindExternal: makeExternal,
		kindPipe: makePipe, kindTask: makeTask, kindStream: makeStream,
	}
}

// kinds in the order in which statements are compared with them.
var kinds = []string{
	kindExternal, kindFormat, kindIntegration, kindDatabase, kindSchema, kindWarehouse,
	kindStage, kindTable, kindView, kindPipe, kindTask, kindStream,
}

// kind reads the words of a kind; plural is SHOW's form.
func (st *statement) kind(plural bool) (string, error) {
	for _, k := range kinds {
		words := strings.Fields(k)
		if plural {
			words[len(words)-1] += "S"
		}
		if st.accept(words...) {
			return k, nil
		}
	}
	if word := "INTEGRATION"; st.accept(word) || plural && st.accept(word+"S") {
		return kindIntegration, nil
	}
	return "", st.unexpected()
}

// create runs CREATE.
func (st *statement) create(ctx context.Context) (*result, error) {
	st.next()
	replace, alter := st.accept("OR", "REPLACE"), false
	if !replace {
		alter = st.accept("OR", "ALTER")
	}
	if st.accept("ROLE") {
		return st.createRole()
	}
	kind, err := st.kind(false)
	if err != nil {
		return nil, err
	}
	if alter && kind != kindFormat && kind != kindTask {
		return nil, errUnsupported("CREATE OR ALTER " + kind)
	}
	ifMissing := st.accept("IF", "NOT", "EXISTS")
	parts, err := st.name()
	if err != nil {
		return nil, err
	}
	o, existing, err := st.fresh(kind, parts)
	if err != nil {
		return nil, err
	}
	switch {
	case existing == nil:
	case existing.kind != kind:
		return nil, errExists(existing.label())
	case ifMissing:
		return done(existing.name + " already exists, statement succeeded."), nil
	case !replace && !alter:
		return nil, errExists(existing.label())
	case !st.catalog.allowed(st.session.role, existing, "OWNERSHIP"):
		return nil, errDenied(strings.ToLower(kind), existing.name)
	}
	before := existing
	if replace {
		existing = nil
	}
	apply, err := makers[kind](st, ctx, o, existing)
	if err != nil {
		return nil, err
	}
	if st.describe {
		return textResult("status"), nil
	}
	if before != nil && replace {
		if slices.ContainsFunc(st.toks, func(t token) bool { return t.isWord("GRANTS") }) {
			o.grants = before.grants
		}
		if err := st.discard(ctx, before); err != nil {
			return nil, err
		}
	}
	if alter && before != nil {
		o.grants, o.created, o.owner = before.grants, before.created, before.owner
	}
	if apply != nil {
		if err := apply(); err != nil {
			return nil, err
		}
	}
	st.catalog.put(o)
	return done(fmt.Sprintf("%s %s successfully created.", title(kind), o.name)), nil
}

func makeDatabase(st *statement, ctx context.Context, o, _ *object) (func() error, error) {
	options, err := st.readOptions()
	if err != nil {
		return nil, err
	}
	o.comment = options.text("COMMENT")
	return func() error {
		schema := &object{kind: kindSchema, database: o.name, name: defaultSchema, owner: o.owner}
		if err := st.exec(ctx, st.conn, "ATTACH ':memory:' AS "+quote(o.name), "CREATE SCHEMA "+quoteAll(o.name, defaultSchema)); err != nil {
			return err
		}
		st.catalog.put(schema)
		return nil
	}, st.end()
}

func makeSchema(st *statement, ctx context.Context, o, _ *object) (func() error, error) {
	options, err := st.readOptions()
	if err != nil {
		return nil, err
	}
	o.comment = options.text("COMMENT")
	return func() error {
		return st.exec(ctx, st.conn, "CREATE SCHEMA IF NOT EXISTS "+quoteAll(o.database, o.name))
	}, st.end()
}

func makeWarehouse(st *statement, _ context.Context, o, _ *object) (func() error, error) {
	st.accept("WITH")
	options, err := st.readOptions()
	if err != nil {
		return nil, err
	}
	o.comment = options.text("COMMENT")
	return nil, st.end()
}

func (st *statement) createRole() (*result, error) {
	ifMissing := st.accept("IF", "NOT", "EXISTS")
	parts, err := st.name()
	if err != nil {
		return nil, err
	}
	if _, err := st.readOptions(); err != nil {
		return nil, err
	}
	if err := st.end(); err != nil {
		return nil, err
	}
	c := st.catalog
	if !c.allowed(st.session.role, c.account, "CREATE ROLE") {
		return nil, errDenied("account", c.account.name)
	}
	if c.roles[parts[0]] != nil {
		if !ifMissing {
			return nil, errExists(parts[0])
		}
		return done(parts[0] + " already exists, statement succeeded."), nil
	}
	c.roles[parts[0]] = map[string]bool{}
	return done(fmt.Sprintf("Role %s successfully created.", parts[0])), nil
}
