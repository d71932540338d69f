package snowflake

import (
	"context"
	"slices"
	"strings"

	"example.com/ingestion/internal/sqltext"
)

// grantTarget has the privileges or role, the objects and the grantee of a GRANT or REVOKE.
type grantTarget struct {
	privileges []string
	role       string // GRANT ROLE
	objects    []*object
	to         string
}

// grant runs GRANT.
func (st *statement) grant(context.Context) (*result, error) {
	st.Next()
	g, err := st.readGrant("TO")
	if err != nil {
		return nil, err
	}
	c := st.catalog
	for _, o := range g.objects {
		if slices.Contains(g.privileges, "OWNERSHIP") {
			o.owner = g.to
			continue
		}
		if o.grants == nil {
			o.grants = map[string]map[string]bool{}
		}
		if o.grants[g.to] == nil {
			o.grants[g.to] = map[string]bool{}
		}
		for _, p := range g.privileges {
			o.grants[g.to][p] = true
		}
	}
	if g.role != "" {
		c.roles[g.to][g.role] = true
	}
	return done("Statement executed successfully."), nil
}

// revoke runs REVOKE.
func (st *statement) revoke(context.Context) (*result, error) {
	st.Next()
	g, err := st.readGrant("FROM")
	if err != nil {
		return nil, err
	}
	for _, o := range g.objects {
		for _, p := range g.privileges {
			delete(o.grants[g.to], p)
		}
	}
	if g.role != "" {
		delete(st.catalog.roles[g.to], g.role)
	}
	return done("Statement executed successfully."), nil
}

// readGrant reads <privileges> ON <object> or ROLE <role>, and TO (or FROM) ROLE <role>.
func (st *statement) readGrant(preposition string) (*grantTarget, error) {
	g := &grantTarget{}
	c := st.catalog
	if st.Accept("ROLE") {
		parts, err := st.Name()
		if err != nil {
			return nil, err
		}
		g.role = parts[0]
		if c.roles[g.role] == nil {
			return nil, errUnknown("Role", g.role)
		}
		if !c.allowed(st.session.role, c.account, "MANAGE GRANTS") {
			return nil, errDenied("role", g.role)
		}
	} else if err := st.readPrivileges(g); err != nil {
		return nil, err
	}
	if err := st.Expect(preposition); err != nil {
		return nil, err
	}
	if st.Accept("USER") {
		return nil, errUnsupported("GRANT TO USER (see Server.AddUser)")
	}
	st.Accept("ROLE")
	parts, err := st.Name()
	if err != nil {
		return nil, err
	}
	g.to = parts[0]
	if c.roles[g.to] == nil {
		return nil, errUnknown("Role", g.to)
	}
	if !st.Accept("WITH", "GRANT", "OPTION") {
		st.Accept("COPY", "CURRENT", "GRANTS")
	}
	return g, st.ExpectEnd()
}

func (st *statement) readPrivileges(g *grantTarget) error {
	var words []string
	for !st.Peek().Is("ON") {
		t := st.Next()
		switch {
		case t.Is(","):
			g.privileges, words = append(g.privileges, strings.Join(words, " ")), nil
		case t.Kind == sqltext.Word:
			words = append(words, t.Value)
		default:
			st.Back()
			return st.Unexpected("a privilege")
		}
	}
	g.privileges = append(g.privileges, strings.TrimSuffix(strings.Join(words, " "), " PRIVILEGES"))
	st.Next()
	c := st.catalog
	switch {
	case st.Accept("ACCOUNT"):
		g.objects = []*object{c.account}
	case st.Accept("FUTURE"):
		return errUnsupported("GRANT ON FUTURE")
	case st.Accept("ALL"):
		kind, err := st.Kind(true)
		if err != nil {
			return err
		}
		if err := st.Expect("IN", "SCHEMA"); err != nil {
			return err
		}
		parts, err := st.Name()
		if err != nil {
			return err
		}
		schema, err := st.find(kindSchema, parts)
		if err != nil {
			return err
		}
		g.objects = c.in(schema.database, schema.name, kind)
	default:
		kind, err := st.Kind(false)
		if err != nil {
			return err
		}
		parts, err := st.Name()
		if err != nil {
			return err
		}
		o, err := st.find(kind, parts)
		if err != nil {
			return err
		}
		g.objects = []*object{o}
	}
	for _, o := range g.objects {
		if !c.allowed(st.session.role, o, "OWNERSHIP") && !c.allowed(st.session.role, c.account, "MANAGE GRANTS") {
			return errDenied(strings.ToLower(o.kind), o.name)
		}
	}
	return nil
}
