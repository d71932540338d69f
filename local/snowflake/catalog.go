package snowflake

import (
	"slices"
	"strings"
	"time"

	"example.com/ingestion/local/snowflake/sqlparser"
)

// Kinds of objects, and predefined names.
const (
	kindAccount     = "ACCOUNT"
	kindDatabase    = sqlparser.KindDatabase
	kindSchema      = sqlparser.KindSchema
	kindWarehouse   = sqlparser.KindWarehouse
	kindIntegration = sqlparser.KindStorageIntegration
	kindFormat      = sqlparser.KindFileFormat
	kindStage       = sqlparser.KindStage
	kindTable       = sqlparser.KindTable
	kindExternal    = sqlparser.KindExternalTable
	kindView        = sqlparser.KindView
	kindPipe        = sqlparser.KindPipe
	kindTask        = sqlparser.KindTask
	kindStream      = sqlparser.KindStream

	adminRole     = "ACCOUNTADMIN"
	publicRole    = "PUBLIC"
	defaultSchema = "PUBLIC"
)

// object is an entry of the catalog. detail has the fields of its kind.
type object struct {
	kind                   string
	database, schema, name string
	owner, comment         string
	created                time.Time
	grants                 map[string]map[string]bool // privilege by role
	detail                 any
}

// class returns the namespace of a kind: tables and views share one.
func class(kind string) string {
	switch kind {
	case kindExternal, kindView, kindStream:
		return kindTable
	}
	return kind
}

func objectKey(kind string, parts ...string) string {
	return class(kind) + "\x00" + strings.Join(parts, "\x00")
}

func (o *object) key() string {
	switch o.kind {
	case kindDatabase, kindWarehouse, kindIntegration, kindAccount:
		return objectKey(o.kind, o.name)
	case kindSchema:
		return objectKey(o.kind, o.database, o.name)
	}
	return objectKey(o.kind, o.database, o.schema, o.name)
}

// label returns the name in messages.
func (o *object) label() string { return strings.Join(o.parts(), ".") }

func (o *object) parts() []string {
	return slices.DeleteFunc([]string{o.database, o.schema, o.name}, func(s string) bool { return s == "" })
}

// sql returns the quoted name, for DuckDB.
func (o *object) sql() string { return quoteAll(o.parts()...) }

// catalog has all objects and roles.
type catalog struct {
	objects map[string]*object
	roles   map[string]map[string]bool // the roles granted to each
	account *object
}

func newCatalog() *catalog {
	account := &object{kind: kindAccount, name: "LOCAL", owner: adminRole}
	return &catalog{
		objects: map[string]*object{account.key(): account},
		roles:   map[string]map[string]bool{adminRole: {}, publicRole: {}, "SYSADMIN": {}, "SECURITYADMIN": {}},
		account: account,
	}
}

func (c *catalog) put(o *object) {
	if o.created.IsZero() {
		o.created = time.Now()
	}
	c.objects[o.key()] = o
}

// each returns the objects for which keep returns true, sorted by name.
func (c *catalog) each(keep func(*object) bool) []*object {
	var out []*object
	for _, o := range c.objects {
		if keep(o) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *object) int { return strings.Compare(a.label(), b.label()) })
	return out
}

// in returns the objects of some kinds in a schema.
func (c *catalog) in(database, schema string, kinds ...string) []*object {
	return c.each(func(o *object) bool {
		return o.database == database && o.schema == schema && slices.Contains(kinds, o.kind)
	})
}

// inheritedRoles returns a role and all roles that were granted to it.
func (c *catalog) inheritedRoles(role string) map[string]bool {
	out := map[string]bool{publicRole: true}
	var visit func(string)
	visit = func(r string) {
		if out[r] && r != publicRole {
			return
		}
		out[r] = true
		for granted := range c.roles[r] {
			visit(granted)
		}
	}
	visit(role)
	return out
}

// allowed reports whether a role has one of the privileges on o. Without privileges
// it reports whether the role has any.
func (c *catalog) allowed(role string, o *object, privileges ...string) bool {
	for r := range c.inheritedRoles(role) {
		if r == adminRole || o.owner == r {
			return true
		}
		held := o.grants[r]
		if len(privileges) == 0 && len(held) > 0 || held["ALL"] {
			return true
		}
		if slices.ContainsFunc(privileges, func(p string) bool { return held[p] }) {
			return true
		}
	}
	return false
}

// canUse reports whether a user with these roles may use the role.
func (c *catalog) canUse(roles []string, role string) bool {
	if c.roles[role] == nil {
		return false
	}
	return role == publicRole || slices.ContainsFunc(roles, func(r string) bool {
		return r == adminRole || c.inheritedRoles(r)[role]
	})
}

func (e *engine) mayUse(roles []string, role string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.catalog.canUse(roles, role)
}

func (e *engine) addRole(role string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.catalog.roles[role] == nil {
		e.catalog.roles[role] = map[string]bool{}
	}
}
