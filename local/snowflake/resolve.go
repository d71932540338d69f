package snowflake

import "strings"

// title returns the name of a kind at the start of a message.
func title(kind string) string {
	switch kind {
	case kindTable, kindView, kindExternal, kindStream:
		return "Object"
	case kindIntegration:
		return "Integration"
	}
	return kind[:1] + strings.ToLower(kind[1:])
}

func (e *engine) databaseOf(s *session, name string) (*object, error) {
	if name == "" {
		return nil, errorf("090105", "22000", "Cannot perform operation. This session does not have a current database. Call 'USE DATABASE', or use a qualified name.")
	}
	o := e.catalog.objects[objectKey(kindDatabase, name)]
	if o == nil || !e.catalog.allowed(s.role, o) {
		return nil, errUnknown("Database", name)
	}
	return o, nil
}

func (e *engine) schemaOf(s *session, database, name string) (*object, error) {
	if _, err := e.databaseOf(s, database); err != nil {
		return nil, err
	}
	o := e.catalog.objects[objectKey(kindSchema, database, name)]
	if o == nil || !e.catalog.allowed(s.role, o) {
		return nil, errUnknown("Schema", database+"."+name)
	}
	return o, nil
}

// qualify completes a name with the session's database and schema.
func (e *engine) qualify(s *session, parts []string) ([]string, error) {
	switch len(parts) {
	case 1:
		parts = []string{s.database, s.schema, parts[0]}
	case 2:
		parts = []string{s.database, parts[0], parts[1]}
	}
	if _, err := e.schemaOf(s, parts[0], parts[1]); err != nil {
		return nil, err
	}
	return parts, nil
}

func accountLevel(kind string) bool {
	return kind == kindDatabase || kind == kindIntegration || kind == kindWarehouse
}

// find returns the object of a name. The role needs one of the privileges; without
// privileges it needs any privilege on the object.
func (st *statement) find(kind string, parts []string, privileges ...string) (*object, error) {
	return st.lookup(st.session, kind, parts, privileges...)
}

func (e *engine) lookup(s *session, kind string, parts []string, privileges ...string) (*object, error) {
	var key string
	switch {
	case accountLevel(kind):
		if len(parts) != 1 {
			return nil, errSyntax("'%s' is not the name of a %s.", strings.Join(parts, "."), strings.ToLower(kind))
		}
		key = objectKey(kind, parts[0])
	case kind == kindSchema:
		if len(parts) == 1 {
			parts = []string{s.database, parts[0]}
		}
		if _, err := e.databaseOf(s, parts[0]); err != nil {
			return nil, err
		}
		key = objectKey(kind, parts...)
	default:
		full, err := e.qualify(s, parts)
		if err != nil {
			return nil, err
		}
		parts, key = full, objectKey(kind, full...)
	}
	o := e.catalog.objects[key]
	if o == nil || !e.catalog.allowed(s.role, o) {
		return nil, errUnknown(title(kind), strings.Join(parts, "."))
	}
	if kind != kindTable && o.kind != kind {
		return nil, errorf("002203", "02000", "SQL compilation error:\nObject found is of type '%s', specified type '%s' is not compatible.", o.kind, kind)
	}
	if len(privileges) > 0 && !e.catalog.allowed(s.role, o, privileges...) {
		return nil, errDenied(strings.ToLower(o.kind), o.name)
	}
	return o, nil
}

// newObject returns the object to create, and the existing object of that name if
// there is one. The database and schema must exist, and the role must have CREATE on
// them.
func (st *statement) newObject(kind string, parts []string) (made, existing *object, err error) {
	s, c := st.session, st.catalog
	o := &object{kind: kind, owner: s.role, name: parts[len(parts)-1]}
	switch {
	case accountLevel(kind):
		if len(parts) != 1 {
			return nil, nil, errSyntax("'%s' is not the name of a %s.", strings.Join(parts, "."), strings.ToLower(kind))
		}
		general := "CREATE " + kind
		if kind == kindIntegration {
			general = "CREATE INTEGRATION"
		}
		if !c.allowed(s.role, c.account, "CREATE "+kind, general) {
			return nil, nil, errDenied("account", c.account.name)
		}
	case kind == kindSchema:
		if len(parts) == 1 {
			parts = []string{s.database, parts[0]}
		}
		db, err := st.databaseOf(s, parts[0])
		if err != nil {
			return nil, nil, err
		}
		if !c.allowed(s.role, db, "CREATE SCHEMA") {
			return nil, nil, errDenied("database", db.name)
		}
		o.database = db.name
	default:
		full, err := st.qualify(s, parts)
		if err != nil {
			return nil, nil, err
		}
		o.database, o.schema = full[0], full[1]
		schema := c.objects[objectKey(kindSchema, full[0], full[1])]
		if !c.allowed(s.role, schema, "CREATE "+kind) {
			return nil, nil, errDenied("schema", schema.name)
		}
	}
	return o, c.objects[o.key()], nil
}
