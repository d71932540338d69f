package snowflake

import "context"

// desc runs DESC.
func (st *statement) desc(ctx context.Context) (*result, error) {
	st.Next()
	kind, err := st.Kind(false)
	if err != nil {
		return nil, err
	}
	parts, err := st.Name()
	if err != nil {
		return nil, err
	}
	if kind == kindExternal {
		st.Accept("TYPE") // = COLUMNS is the default
	}
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	o, err := st.find(kind, parts)
	if err != nil {
		return nil, err
	}
	switch kind {
	case kindIntegration:
		return describeIntegration(o), nil
	case kindStage:
		return describeStage(o), nil
	case kindFormat:
		r := textResult("property", "property_type", "property_value", "property_default")
		for key, v := range o.detail.(*format).options {
			r.addText(key, "String", v.Value, "")
		}
		return r, nil
	case kindTable, kindView, kindExternal:
		return st.describeColumns(ctx, o)
	}
	// For a pipe, a task or a stream DESC returns the row of SHOW.
	r := textResult(showColumns[kind]...)
	row := make([]*string, len(r.columns))
	for i, column := range showColumns[kind] {
		if row[i], err = st.showCell(ctx, o, column); err != nil {
			return nil, err
		}
		if column == "created_on" {
			r.columns[i] = timeColumn(column)
		}
	}
	r.add(row...)
	return r, nil
}

func (st *statement) describeColumns(ctx context.Context, o *object) (*result, error) {
	columns, err := st.columnsOf(ctx, o)
	if err != nil {
		return nil, err
	}
	r := textResult("name", "type", "kind", "null?", "default", "primary key", "unique key", "check", "expression", "comment")
	virtual := map[string]string{}
	if d, ok := o.detail.(*external); ok {
		for _, c := range d.columns {
			virtual[c.name] = c.kind
		}
	}
	for _, c := range columns {
		row := make([]*string, len(r.columns))
		kind, what, null, no := c.kind, "COLUMN", yesNo(!c.required), "N"
		if declared, ok := virtual[c.name]; ok {
			kind, what = declared, "VIRTUAL"
		}
		row[0], row[1], row[2], row[3], row[5], row[6] = &c.name, &kind, &what, &null, &no, &no
		r.add(row...)
	}
	return r, nil
}
