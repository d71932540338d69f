package snowflake

import (
	"context"
	"fmt"
	"strings"
)

// drop runs DROP.
func (st *statement) drop(ctx context.Context) (*result, error) {
	st.Next()
	kind, err := st.Kind(false)
	if err != nil {
		return nil, err
	}
	ifExists := st.Accept("IF", "EXISTS")
	parts, err := st.Name()
	if err != nil {
		return nil, err
	}
	if !st.Accept("CASCADE") {
		st.Accept("RESTRICT")
	}
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	o, err := st.find(kind, parts)
	if err != nil {
		if ifExists && asSQLError(err).code == "002003" {
			return done("Drop statement executed successfully (" + parts[len(parts)-1] + " already dropped)."), nil
		}
		return nil, err
	}
	if o.kind != kind { // DROP TABLE of a view
		return nil, errorf("002203", "02000", "SQL compilation error:\nObject found is of type '%s', specified type '%s' is not compatible.", o.kind, kind)
	}
	if !st.catalog.allowed(st.session.role, o, "OWNERSHIP") {
		return nil, errDenied(strings.ToLower(kind), o.name)
	}
	if st.describe {
		return textResult("status"), nil
	}
	if err := st.remove(ctx, o); err != nil {
		return nil, err
	}
	return done(fmt.Sprintf("%s successfully dropped.", o.name)), nil
}

// remove removes an object, and the objects in it.
func (e *engine) remove(ctx context.Context, o *object) error {
	var statements []string
	switch o.kind {
	case kindDatabase:
		statements = []string{"DETACH " + quote(o.name)}
		e.removeAll(func(other *object) bool { return other.database == o.name })
	case kindSchema:
		statements = []string{"DROP SCHEMA " + quoteAll(o.database, o.name) + " CASCADE"}
		e.removeAll(func(other *object) bool { return other.database == o.database && other.schema == o.name })
	case kindTable:
		statements = []string{"DROP TABLE " + o.sql()}
	case kindView, kindStream:
		statements = []string{"DROP VIEW " + o.sql()}
	case kindExternal:
		statements = []string{
			"DROP VIEW " + o.sql(),
			"DROP VIEW " + quoteAll(o.database, o.schema, o.name+allSuffix),
			"DROP TABLE " + quoteAll(o.database, o.schema, o.name+filesSuffix),
		}
	}
	delete(e.catalog.objects, o.key())
	return e.exec(ctx, e.conn, statements...)
}

func (e *engine) removeAll(match func(*object) bool) {
	for _, o := range e.catalog.each(match) {
		delete(e.catalog.objects, o.key())
	}
}
