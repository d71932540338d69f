package snowflake

import "slices"

// ReadGrant is a privilege that a role of Spec.Readers has.
type ReadGrant struct {
	Privilege string // USAGE or SELECT
	// On is the object with its kind, such as VIEW "RAW"."PUBLIC"."ORDERS_RECORDS".
	On string
	// Role is the role, unquoted.
	Role string
	// Shared is true for the database and the schema, which other feeds and objects use too.
	Shared bool
}

// Grant grants the privilege. An object of the database and schema needs its owner's role, or
// one with MANAGE GRANTS.
func (g ReadGrant) Grant() string {
	return "GRANT " + g.Privilege + " ON " + g.On + " TO ROLE " + Identifier(g.Role)
}

// Revoke takes the privilege back.
func (g ReadGrant) Revoke() string {
	return "REVOKE " + g.Privilege + " ON " + g.On + " FROM ROLE " + Identifier(g.Role)
}

// Show lists the privileges on the object: columns privilege, granted_to and grantee_name.
func (g ReadGrant) Show() string { return "SHOW GRANTS ON " + g.On }

// Grantee returns the role as Snowflake's catalog has it.
func (g ReadGrant) Grantee() string { return stored(g.Role) }

// ReadGrants returns what the roles of Readers need to query the views. A view reads the
// table with the privileges of its owner, so that readers need none on the table.
// https://docs.snowflake.com/en/user-guide/views-introduction#usage-notes
func (s Spec) ReadGrants() []ReadGrant {
	s = s.WithDefaults()
	views := []ObjectName{{Database: s.Database, Schema: s.Schema, Object: s.View}}
	if len(s.Key) > 0 {
		views = append(views, s.LatestName())
	}
	var grants []ReadGrant
	for _, role := range s.Readers {
		grants = append(grants,
			ReadGrant{Privilege: "USAGE", On: "DATABASE " + Identifier(s.Database), Role: role, Shared: true},
			ReadGrant{Privilege: "USAGE", On: "SCHEMA " + Qualified(s.Database, s.Schema), Role: role, Shared: true})
		for _, view := range views {
			grants = append(grants, ReadGrant{Privilege: "SELECT", On: "VIEW " + view.Name(), Role: role})
		}
	}
	return grants
}

func (s Spec) validateReaders(add adder) {
	for i, role := range s.Readers {
		checkName(add, "Readers", role, 0)
		same := func(other string) bool { return stored(other) == stored(role) }
		if slices.ContainsFunc(s.Readers[:i], same) {
			add("Readers", "%q is given twice: names without quotes are case-insensitive", role)
		}
	}
}
