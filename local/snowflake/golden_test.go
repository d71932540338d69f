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

// Every statement that package snowflake writes runs, and what was made can be
// dropped again to the last object.
func TestGoldenStatements(t *testing.T) {
	for name, statements := range golden(t, "[fpt]*.sql") {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			if strings.Contains(strings.Join(statements, "\n"), `STORAGE_INTEGRATION="SHARED"`) {
				w.exec(t, `CREATE STORAGE INTEGRATION SHARED TYPE=EXTERNAL_STAGE STORAGE_PROVIDER='S3' STORAGE_AWS_ROLE_ARN='arn:aws:iam::111122223333:role/r'
					ENABLED=TRUE STORAGE_ALLOWED_LOCATIONS=('*')`)
			}
			var drops []string
			for _, statement := range statements {
				if strings.HasPrefix(statement, "DROP") {
					drops = append(drops, statement)
					continue
				}
				w.rows(t, statement)
			}
			for i := len(drops) - 1; i >= 0; i-- {
				w.rows(t, drops[i])
				w.rows(t, drops[i])
			}
			for _, o := range w.engine.catalog.objects {
				if o.schema != "" || o.kind == kindIntegration && o.name != "SHARED" {
					t.Errorf("%s %s is left", o.kind, o.label())
				}
			}
		})
	}
}

// The script for a person does it all from nothing, and may be run twice.
func TestGoldenScripts(t *testing.T) {
	for name, statements := range golden(t, "script-*.sql") {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			if err := w.Exec(t.Context(), "CREATE ROLE LOADER", "CREATE WAREHOUSE WH"); err != nil {
				t.Fatal(err)
			}
			w.AddUser("PERSON", nil, "secret", "ACCOUNTADMIN", "LOADER")
			w.db = w.connect(t, gosnowflake.Config{User: "PERSON", Password: "secret"})
			w.db.SetMaxOpenConns(1) // a session
			for range 2 {
				for _, statement := range statements {
					w.rows(t, statement)
				}
			}
		})
	}
}
