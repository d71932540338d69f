package snowflake

import (
	"context"
	"slices"
	"strings"
)

// grantTarget is what a GRANT or REVOKE is about.
type grantTarget struct {
	privileges []string
	role       string // GRANT ROLE
	objects    []*object
	to         string
}

// grant runs GRANT.
func (st *statement) grant(context.Context) (*result, error) {
	st.next()
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
	st.next()
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

// readGrant reads <privileges> ON <object> and ROLE <role>, each TO (or FROM) ROLE <role>.
func (st *statement) readGrant(preposition string) (*grantTarget, error) {
	g := &grantTarget{}
	c := st.catalog
	if st.accept("ROLE") {
		parts, err := st.name()
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
	if err := st.expect(preposition); err != nil {
		return nil, err
	}
	if st.accept("USER") {
		return nil, errUnsupported("GRANT TO USER (see Server.AddUser)")
	}
	st.accept("ROLE")
	parts, err := st.name()
	if err != nil {
		return nil, err
	}
	g.to = parts[0]
	if c.roles[g.to] == nil {
		return nil, errUnknown("Role", g.to)
	}
	if !st.accept("WITH", "GRANT", "OPTION") {
		st.accept("COPY", "CURRENT", "GRANTS")
	}
	return g, st.end()
}

func (st *statement) readPrivileges(g *grantTarget) error {
	var words []string
	for !st.peek().isWord("ON") {
		t := st.next()
		switch {
		case t.is(","):
			g.privileges, words = append(g.privileges, strings.Join(words, " ")), nil
		case t.kind == tokWord:
			words = append(words, t.val)
		default:
			st.i--
			return st.unexpected()
		}
	}
	g.privileges = append(g.privileges, strings.TrimSuffix(strings.Join(words, " "), " PRIVILEGES"))
	st.next()
	c := st.catalog
	switch {
	case st.accept("ACCOUNT"):
		g.objects = []*object{c.account}
	case st.accept("FUTURE"):
		return errUnsupported("GRANT ON FUTURE")
	case st.accept("ALL"):
		kind, err := st.kind(true)
		if err != nil {
			return err
		}
		if err := st.expect("IN", "SCHEMA"); err != nil {
			return err
		}
		parts, err := st.name()
		if err != nil {
			return err
		}
		schema, err := st.find(kindSchema, parts)
		if err != nil {
			return err
		}
		g.objects = c.in(schema.database, schema.name, kind)
	default:
		kind, err := st.kind(false)
		if err != nil {
			return err
		}
		parts, err := st.name()
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
