package snowflake

import (
	"context"
	"slices"
)

// view is a stored query.
type view struct{ text string }

func makeView(st *statement, ctx context.Context, o, _ *object) (func() error, error) {
	st.accept("COPY", "GRANTS")
	options, err := st.readOptions()
	if err != nil {
		return nil, err
	}
	st.accept("COPY", "GRANTS")
	o.comment = options.text("COMMENT")
	if err := st.expect("AS"); err != nil {
		return nil, err
	}
	text := st.rest()
	if slices.ContainsFunc(st.toks[st.i:], func(t token) bool { return t.isWord(informationSchema) }) {
		return nil, errUnsupported("a view over INFORMATION_SCHEMA")
	}
	t := st.translator(ctx, st.parser)
	query, err := t.sql()
	if err != nil {
		return nil, err
	}
	if err := st.mayRead(t.uses); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(t.uses, func(used *object) bool { return used.key() == o.key() }) {
		return nil, errInvalid("View definition for '%s' refers to itself.", o.label())
	}
	o.detail = &view{text}
	// What the query gets wrong shows before an older view is gone.
	if _, err := st.duckColumns(ctx, query); err != nil {
		return nil, err
	}
	return func() error {
		return st.exec(ctx, st.conn, "CREATE VIEW "+o.sql()+" AS "+query)
	}, nil
}
