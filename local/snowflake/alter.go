package snowflake

import (
	"context"
	"strings"
)

// alter runs ALTER.
func (st *statement) alter(ctx context.Context) (*result, error) {
	st.Next()
	if st.Accept("SESSION") {
		return nil, errUnsupported("ALTER SESSION")
	}
	kind, err := st.Kind(false)
	if err != nil {
		return nil, err
	}
	ifExists := st.Accept("IF", "EXISTS")
	parts, err := st.Name()
	if err != nil {
		return nil, err
	}
	o, err := st.find(kind, parts)
	if err != nil {
		if ifExists && asSQLError(err).code == "002003" {
			return done("Statement executed successfully."), nil
		}
		return nil, err
	}
	privileges := []string{"OWNERSHIP"}
	if kind == kindPipe || kind == kindTask {
		privileges = append(privileges, "OPERATE")
	}
	if !st.catalog.allowed(st.session.role, o, privileges...) {
		return nil, errDenied(strings.ToLower(kind), o.name)
	}
	if st.describe {
		return textResult("status"), nil
	}
	switch kind {
	case kindTable:
		return st.alterTable(ctx, o)
	case kindPipe:
		return st.alterPipe(ctx, o)
	case kindTask:
		return st.alterTask(ctx, o)
	case kindExternal:
		if st.Accept("REFRESH") {
			if err := st.ExpectEnd(); err != nil {
				return nil, err
			}
			return st.refreshExternal(ctx, o)
		}
	}
	return st.alterSet(o)
}

// alterSet runs ALTER … SET options.
func (st *statement) alterSet(o *object) (*result, error) {
	if err := st.Expect("SET"); err != nil {
		return nil, err
	}
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	switch d := o.detail.(type) {
	case *integration:
		d.set(o, options)
	case *stage:
		if err := d.set(st, o, options); err != nil {
			return nil, err
		}
	default:
		for key := range options {
			if key != "COMMENT" {
				return nil, errUnsupported("ALTER " + o.kind + " SET " + key)
			}
		}
		if options.Has("COMMENT") {
			o.comment = options.Text("COMMENT")
		}
	}
	return done("Statement executed successfully."), nil
}
