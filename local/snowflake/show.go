package snowflake

import (
	"context"
	"regexp"
	"strconv"
	"strings"
)

// show runs SHOW kinds [LIKE '…'] [IN …].
func (st *statement) show(ctx context.Context) (*result, error) {
	st.Next()
	if st.Accept("GRANTS") {
		return st.showGrants()
	}
	st.Accept("TERSE")
	kind, err := st.Kind(true)
	if err != nil {
		return nil, err
	}
	keep := func(string) bool { return true }
	if st.Accept("LIKE") {
		pattern, err := st.Text()
		if err != nil {
			return nil, err
		}
		keep = like(pattern)
	}
	database, schema, err := st.scope(kind)
	if err != nil {
		return nil, err
	}
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	c := st.catalog
	r := &result{statement: typeOther}
	shown := showColumns[kind]
	for _, column := range shown {
		if column == "created_on" {
			r.columns = append(r.columns, timeColumn(column))
		} else {
			r.columns = append(r.columns, textColumn(column))
		}
	}
	for _, o := range c.each(func(o *object) bool {
		return o.kind == kind && keep(o.name) && c.allowed(st.session.role, o) &&
			(database == "" || o.database == database) && (schema == "" || o.schema == schema)
	}) {
		row := make([]*string, len(shown))
		for i, column := range shown {
			cell, err := st.showCell(ctx, o, column)
			if err != nil {
				return nil, err
			}
			row[i] = cell
		}
		r.add(row...)
	}
	return r, nil
}

// scope reads IN ACCOUNT, IN DATABASE … or IN SCHEMA …. The default is the session's
// schema, or the account for objects outside of schemas.
func (st *statement) scope(kind string) (database, schema string, err error) {
	s := st.session
	if !st.Accept("IN") {
		switch {
		case accountLevel(kind):
			return "", "", nil
		case kind == kindSchema:
			return s.database, "", nil
		}
		return s.database, s.schema, nil
	}
	if st.Accept("ACCOUNT") {
		return "", "", nil
	}
	if st.Accept("DATABASE") {
		parts, err := st.Name()
		if err != nil {
			return "", "", err
		}
		o, err := st.databaseOf(s, parts[0])
		if err != nil {
			return "", "", err
		}
		return o.name, "", nil
	}
	st.Accept("SCHEMA")
	parts, err := st.Name()
	if err != nil {
		return "", "", err
	}
	o, err := st.find(kindSchema, parts)
	if err != nil {
		return "", "", err
	}
	return o.database, o.name, nil
}

// like compiles a LIKE pattern with % and _, which is case-insensitive.
func like(pattern string) func(string) bool {
	text := regexp.QuoteMeta(pattern)
	text = strings.NewReplacer("%", ".*", `\\_`, "_", "_", ".").Replace(text)
	return regexp.MustCompile("(?is)^" + text + "$").MatchString
}

// showColumns has the supported columns of SHOW for each kind, in Snowflake's order.
var showColumns = map[string][]string{
	kindDatabase:    {"created_on", "name", "owner", "comment"},
	kindSchema:      {"created_on", "name", "database_name", "owner", "comment"},
	kindWarehouse:   {"name", "state", "owner", "comment"},
	kindIntegration: {"name", "type", "category", "enabled", "comment", "created_on"},
	kindFormat:      {"created_on", "name", "database_name", "schema_name", "type", "owner", "comment"},
	kindStage:       {"created_on", "name", "database_name", "schema_name", "url", "owner", "comment", "type", "storage_integration"},
	kindTable:       {"created_on", "name", "database_name", "schema_name", "kind", "comment", "rows", "owner", "enable_schema_evolution"},
	kindView:        {"created_on", "name", "database_name", "schema_name", "owner", "comment", "text"},
	kindExternal:    {"created_on", "name", "database_name", "schema_name", "invalid", "owner", "comment", "stage", "location", "file_format_type", "notification_channel"},
	kindPipe:        {"created_on", "name", "database_name", "schema_name", "definition", "owner", "notification_channel", "comment", "pattern"},
	kindTask:        {"created_on", "name", "id", "database_name", "schema_name", "owner", "comment", "warehouse", "schedule", "state", "definition"},
	kindStream:      {"created_on", "name", "database_name", "schema_name", "owner", "comment", "table_name", "type", "mode", "stale"},
}

// showCell returns one value of SHOW; nil for NULL.
func (st *statement) showCell(ctx context.Context, o *object, column string) (*string, error) {
	text := ""
	switch column {
	case "created_on":
		text = strconv.FormatInt(o.created.Unix(), 10) + ".000000000"
	case "name":
		text = o.name
	case "database_name":
		text = o.database
	case "schema_name":
		text = o.schema
	case "owner":
		text = o.owner
	case "comment":
		text = o.comment
	case "kind":
		text = "TABLE"
	case "rows":
		n, err := st.count(ctx, "SELECT count(*) FROM "+o.sql())
		if err != nil {
			return nil, err
		}
		text = intCell(n)
	default:
		cell, known := detailCell(o, column)
		if !known {
			return nil, nil
		}
		text = cell
	}
	return &text, nil
}

func detailCell(o *object, column string) (string, bool) {
	cells := map[string]string{}
	switch d := o.detail.(type) {
	case *integration:
		cells = map[string]string{"type": "EXTERNAL_STAGE", "category": "STORAGE", "enabled": boolean(d.Enabled)}
	case *format:
		cells = map[string]string{"type": d.options.Text("TYPE")}
	case *stage:
		cells = map[string]string{"url": d.url, "type": "EXTERNAL"}
		if d.integration != nil {
			cells["storage_integration"] = d.integration.name
		}
	case *table:
		cells = map[string]string{"enable_schema_evolution": yesNo(d.evolve)}
	case *view:
		cells = map[string]string{"text": d.text}
	case *external:
		cells = map[string]string{
			"invalid": "false", "stage": d.stage.label(), "location": "@" + d.stage.label() + "/" + d.path,
			"file_format_type": string(d.format.Type), "notification_channel": d.channel,
		}
	case *pipe:
		cells = map[string]string{"definition": d.definition, "notification_channel": d.channel}
	case *task:
		state := "suspended"
		if d.started {
			state = "started"
		}
		cells = map[string]string{"schedule": d.schedule, "state": state, "definition": d.definition, "warehouse": d.warehouse, "id": o.label()}
	case *stream:
		cells = map[string]string{"table_name": d.on.label(), "type": "DELTA", "mode": "APPEND_ONLY", "stale": "false"}
	}
	cell, known := cells[column]
	if column == "state" && o.kind == kindWarehouse {
		return "STARTED", true
	}
	return cell, known && cell != ""
}

func yesNo(b bool) string {
	if b {
		return "Y"
	}
	return "N"
}

// showGrants runs SHOW GRANTS ON … and SHOW GRANTS TO ROLE ….
func (st *statement) showGrants() (*result, error) {
	r := textResult("created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name")
	add := func(o *object, role, privilege string) {
		r.addText(o.created.UTC().Format("2006-01-02 15:04:05"), privilege, strings.ReplaceAll(o.kind, " ", "_"), o.label(), "ROLE", role)
	}
	c := st.catalog
	var keep func(*object) bool
	only := ""
	switch {
	case st.Accept("TO", "ROLE"):
		parts, err := st.Name()
		if err != nil {
			return nil, err
		}
		only = parts[0]
		keep = func(*object) bool { return true }
	case st.Accept("ON", "ACCOUNT"):
		keep = func(o *object) bool { return o == c.account }
	case st.Accept("ON"):
		kind, err := st.Kind(false)
		if err != nil {
			return nil, err
		}
		parts, err := st.Name()
		if err != nil {
			return nil, err
		}
		on, err := st.find(kind, parts)
		if err != nil {
			return nil, err
		}
		keep = func(o *object) bool { return o == on }
	default:
		return nil, st.Unexpected("TO ROLE, ON ACCOUNT or ON and an object")
	}
	for _, o := range c.each(keep) {
		if only == "" || only == o.owner {
			add(o, o.owner, "OWNERSHIP")
		}
		for role, privileges := range o.grants {
			for p := range privileges {
				if only == "" || only == role {
					add(o, role, p)
				}
			}
		}
	}
	return r, st.ExpectEnd()
}
