package snowflake

import (
	"context"
	"slices"

	"example.com/ingestion/internal/sqltext"
)

// view is a stored query.
type view struct{ text string }

func createView(st *statement, ctx context.Context, o, _ *object) (func() error, error) {
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	o.comment = options.Text("COMMENT")
	if err := st.Expect("AS"); err != nil {
		return nil, err
	}
	text := st.Rest()
	if slices.ContainsFunc(st.Tokens[st.Pos:], func(t sqltext.Token) bool { return t.Is(informationSchema) }) {
		return nil, errUnsupported("a view over INFORMATION_SCHEMA")
	}
	t := st.translator(ctx, st.Parser)
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
	// An invalid query must fail before an existing view is dropped.
	if _, err := st.duckColumns(ctx, query); err != nil {
		return nil, err
	}
	return func() error {
		return st.exec(ctx, st.conn, "CREATE VIEW "+o.sql()+" AS "+query)
	}, nil
}
