package snowflake

import (
	"strings"
	"testing"

	"github.com/snowflakedb/gosnowflake/v2"

	sf "example.com/ingestion/snowflake"
)

// Without one of the privileges that a feed needs, the deployment fails with an error
// about that privilege.
func TestMissingPrivileges(t *testing.T) {
	for _, c := range []struct {
		revoke string
		number int
		text   string
	}{
		{"CREATE INTEGRATION ON ACCOUNT", 3001, "account 'LOCAL'"},
		{"USAGE ON DATABASE RAW", 2003, "Database 'RAW'"},
		{"CREATE FILE FORMAT ON SCHEMA RAW.PUBLIC", 3001, "schema 'PUBLIC'"},
		{"CREATE STAGE ON SCHEMA RAW.PUBLIC", 3001, "schema 'PUBLIC'"},
		{"CREATE TABLE ON SCHEMA RAW.PUBLIC", 3001, "schema 'PUBLIC'"},
		{"CREATE VIEW ON SCHEMA RAW.PUBLIC", 3001, "schema 'PUBLIC'"},
		{"CREATE TASK ON SCHEMA RAW.PUBLIC", 3001, "schema 'PUBLIC'"},
		{"EXECUTE TASK ON ACCOUNT", 91089, "EXECUTE TASK"},
		{"EXECUTE MANAGED TASK ON ACCOUNT", 91090, "EXECUTE MANAGED TASK"},
	} {
		t.Run(c.revoke, func(t *testing.T) {
			f := start(t)
			if err := f.Exec(t.Context(), "REVOKE "+c.revoke+" FROM ROLE INGESTION"); err != nil {
				t.Fatal(err)
			}
			spec := parts()
			spec.Load = sf.Bulk
			plan := planOf(t, spec)
			for _, o := range plan.Objects() {
				for _, statement := range o.Create() {
					if _, err := f.db.ExecContext(t.Context(), statement); err != nil {
						checkError(t, statement, err, c.number, c.text)
						return
					}
				}
			}
			t.Error("no statement failed")
		})
	}
}

// A replaced pipe has no grants, unlike a view with COPY GRANTS.
func TestGrantsOfReplacedPipe(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	if err := f.Exec(t.Context(), "CREATE ROLE ANALYST"); err != nil {
		t.Fatal(err)
	}
	granted := func() bool {
		return strings.Contains(strings.Join(f.rows(t, plan.Pipe.Grants()), "\n"), "|MONITOR|PIPE|")
	}
	f.exec(t, plan.Pipe.Grant("MONITOR", "ANALYST"))
	if !granted() {
		t.Error("the privilege was not granted")
	}
	f.exec(t, plan.Pipe.Replace())
	if granted() {
		t.Error("the replaced pipe has the privilege")
	}
}

// Another role only sees what was granted to it.
func TestGrants(t *testing.T) {
	f := start(t)
	f.exec(t, `CREATE TABLE RAW.PUBLIC.T (A VARCHAR)`, `CREATE VIEW RAW.PUBLIC.V AS SELECT A FROM RAW.PUBLIC.T`)
	f.AddUser("READER", nil, "secret", "ANALYST")
	owner := f.db
	reader := f.connect(t, gosnowflake.Config{User: "READER", Password: "secret"})
	f.db = reader
	f.wantError(t, `SELECT * FROM RAW.PUBLIC.V`, 2003, "Database 'RAW'")
	if err := f.Exec(t.Context(), `GRANT USAGE ON DATABASE RAW TO ROLE ANALYST`, `GRANT USAGE ON SCHEMA RAW.PUBLIC TO ROLE ANALYST`); err != nil {
		t.Fatal(err)
	}
	f.wantError(t, `SELECT * FROM RAW.PUBLIC.V`, 2003, "RAW.PUBLIC.V")
	f.db = owner
	f.exec(t, `GRANT SELECT ON VIEW RAW.PUBLIC.V TO ROLE ANALYST`)
	f.db = reader
	f.want(t, `SELECT * FROM RAW.PUBLIC.V`)
	f.wantError(t, `SELECT * FROM RAW.PUBLIC.T`, 2003, "RAW.PUBLIC.T")
	f.wantError(t, `DROP VIEW RAW.PUBLIC.V`, 3001, "view 'V'")
	f.wantError(t, `GRANT SELECT ON VIEW RAW.PUBLIC.V TO ROLE INGESTION`, 3001, "view 'V'")
	f.db = owner // CREATE OR REPLACE with COPY GRANTS keeps them
	f.exec(t, `CREATE OR REPLACE VIEW RAW.PUBLIC.V COPY GRANTS AS SELECT A, A AS B FROM RAW.PUBLIC.T`)
	f.db = reader
	f.want(t, `SELECT * FROM RAW.PUBLIC.V`)
	f.db = owner
	if got := strings.Join(f.rows(t, `SHOW GRANTS ON VIEW RAW.PUBLIC.V`), "\n"); !strings.Contains(got, "|SELECT|VIEW|RAW.PUBLIC.V|ROLE|ANALYST") {
		t.Error(got)
	}
}

// Readers query both views, and neither the table nor the views after they are taken back.
func TestReaders(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load, spec.Key = sf.Continuous, []string{"id"}
	plan := f.deploy(t, spec)
	spec.Feed, spec.Database, spec.Schema, spec.Table, spec.Readers = "orders", "RAW", "PUBLIC", "ORDERS", []string{"ANALYST"}
	f.AddUser("READER", nil, "secret", "ANALYST")
	owner := f.db
	grant := func(run func(sf.ReadGrant) string, shared bool) {
		f.db = owner
		for _, g := range spec.ReadGrants() {
			switch {
			case !g.Shared:
				f.exec(t, run(g))
			case shared: // of the administrator, who owns the database
				if err := f.Exec(t.Context(), run(g)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	grant(sf.ReadGrant.Grant, true)
	f.db = f.connect(t, gosnowflake.Config{User: "READER", Password: "secret"})
	reader := f.db
	f.want(t, `SELECT * FROM `+plan.View.Name())
	f.want(t, `SELECT * FROM `+plan.Latest.Name())
	f.wantError(t, `SELECT * FROM `+plan.Table.Name(), 2003, "RAW.PUBLIC.ORDERS")
	f.db = owner // a changed view keeps the grant
	f.exec(t, plan.View.Create()...)
	f.db = reader
	f.want(t, `SELECT * FROM `+plan.View.Name())
	grant(sf.ReadGrant.Revoke, false)
	f.db = reader
	f.wantError(t, `SELECT * FROM `+plan.View.Name(), 2003, "RAW.PUBLIC.ORDERS_RECORDS")
}
