package snowflake

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"example.com/ingestion/internal/sqltext"
)

// creator reads the remainder of a CREATE statement into o and returns the function
// that creates it. With CREATE OR ALTER, existing is the existing object.
type creator func(st *statement, ctx context.Context, o, existing *object) (apply func() error, err error)

var creators map[string]creator

func init() {
	creators = map[string]creator{
		kindDatabase: createDatabase, kindSchema: createSchema, kindWarehouse: createWarehouse,
		kindIntegration: createIntegration, kindFormat: createFormat, kindStage: createStage,
		kindTable: createTable, kindView: createView, kindExternal: createExternal,
		kindPipe: createPipe, kindTask: createTask, kindStream: createStream,
	}
}

// create runs CREATE.
func (st *statement) create(ctx context.Context) (*result, error) {
	st.Next()
	replace, alter := st.Accept("OR", "REPLACE"), false
	if !replace {
		alter = st.Accept("OR", "ALTER")
	}
	if st.Accept("ROLE") {
		return st.createRole()
	}
	kind, err := st.Kind(false)
	if err != nil {
		return nil, err
	}
	if alter && kind != kindFormat && kind != kindTask {
		return nil, errUnsupported("CREATE OR ALTER " + kind)
	}
	ifMissing := st.Accept("IF", "NOT", "EXISTS")
	parts, err := st.Name()
	if err != nil {
		return nil, err
	}
	o, existing, err := st.newObject(kind, parts)
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
	apply, err := creators[kind](st, ctx, o, existing)
	if err != nil {
		return nil, err
	}
	if st.describe {
		return textResult("status"), nil
	}
	if before != nil && replace {
		if slices.ContainsFunc(st.Tokens, func(t sqltext.Token) bool { return t.Is("GRANTS") }) {
			o.grants = before.grants
		}
		if err := st.remove(ctx, before); err != nil {
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

func createDatabase(st *statement, ctx context.Context, o, _ *object) (func() error, error) {
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	o.comment = options.Text("COMMENT")
	return func() error {
		schema := &object{kind: kindSchema, database: o.name, name: defaultSchema, owner: o.owner}
		if err := st.exec(ctx, st.conn, "ATTACH ':memory:' AS "+quote(o.name), "CREATE SCHEMA "+quoteAll(o.name, defaultSchema)); err != nil {
			return err
		}
		st.catalog.put(schema)
		return nil
	}, st.ExpectEnd()
}

func createSchema(st *statement, ctx context.Context, o, _ *object) (func() error, error) {
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	o.comment = options.Text("COMMENT")
	return func() error {
		return st.exec(ctx, st.conn, "CREATE SCHEMA IF NOT EXISTS "+quoteAll(o.database, o.name))
	}, st.ExpectEnd()
}

func createWarehouse(st *statement, _ context.Context, o, _ *object) (func() error, error) {
	st.Accept("WITH")
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	o.comment = options.Text("COMMENT")
	return nil, st.ExpectEnd()
}

func (st *statement) createRole() (*result, error) {
	ifMissing := st.Accept("IF", "NOT", "EXISTS")
	parts, err := st.Name()
	if err != nil {
		return nil, err
	}
	if _, err := st.Options(); err != nil {
		return nil, err
	}
	if err := st.ExpectEnd(); err != nil {
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
