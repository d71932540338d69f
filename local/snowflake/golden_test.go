package snowflake

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snowflakedb/gosnowflake/v2"

	"example.com/ingestion/internal/sqltext"
)

func golden(t *testing.T, pattern string) map[string][]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "snowflake", "testdata", pattern))
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden files", err)
	}
	out := map[string][]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if out[filepath.Base(path)], err = sqltext.Statements(string(text)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Every statement that package snowflake generates runs, and the DROP statements drop
// all objects.
func TestGoldenStatements(t *testing.T) {
	for name, statements := range golden(t, "[fpt]*.sql") {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			if strings.Contains(strings.Join(statements, "\n"), `STORAGE_INTEGRATION="SHARED"`) {
				f.exec(t, `CREATE STORAGE INTEGRATION SHARED TYPE=EXTERNAL_STAGE STORAGE_PROVIDER='S3' STORAGE_AWS_ROLE_ARN='arn:aws:iam::111122223333:role/r'
					ENABLED=TRUE STORAGE_ALLOWED_LOCATIONS=('*')`)
			}
			var drops []string
			for _, statement := range statements {
				if strings.HasPrefix(statement, "DROP") {
					drops = append(drops, statement)
					continue
				}
				f.rows(t, statement)
			}
			for i := len(drops) - 1; i >= 0; i-- {
				f.rows(t, drops[i])
				f.rows(t, drops[i])
			}
			for _, o := range f.engine.catalog.objects {
				if o.schema != "" || o.kind == kindIntegration && o.name != "SHARED" {
					t.Errorf("%s %s was not dropped", o.kind, o.label())
				}
			}
		})
	}
}

// The script for manual setup runs in an empty account, and may be run twice.
func TestGoldenScripts(t *testing.T) {
	for name, statements := range golden(t, "script-*.sql") {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			if err := f.Exec(t.Context(), "CREATE ROLE LOADER", "CREATE ROLE ANALYST", `CREATE ROLE "My Readers"`, "CREATE WAREHOUSE WH"); err != nil {
				t.Fatal(err)
			}
			f.AddUser("ADMIN", nil, "secret", "ACCOUNTADMIN", "LOADER")
			f.db = f.connect(t, gosnowflake.Config{User: "ADMIN", Password: "secret"})
			f.db.SetMaxOpenConns(1) // a session
			for range 2 {
				for _, statement := range statements {
					f.rows(t, statement)
				}
			}
		})
	}
}
