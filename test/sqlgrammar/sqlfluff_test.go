package sqlgrammar

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unknownOptions are options that Snowflake documents and sqlfluff does not know, with the
// documentation of each.
var unknownOptions = map[string]string{
	"STORAGE_AWS_EXTERNAL_ID": "https://docs.snowflake.com/en/sql-reference/sql/create-storage-integration",
}

// TestSQLFluff parses every golden statement with sqlfluff, whose path is in the
// environment variable SQLFLUFF: `make sql-lint`.
func TestSQLFluff(t *testing.T) {
	sqlfluff := os.Getenv("SQLFLUFF")
	if sqlfluff == "" {
		t.Skip("needs sqlfluff, which only PyPI has: make sql-lint")
	}
	statements := everyStatement(t)
	dir := t.TempDir()
	for name, statement := range statements {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(statement+";\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), sqlfluff, "lint", "--dialect", "snowflake", "--rules", "LT01", "--templater", "raw", "--format", "json", "--nofail", dir)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("sqlfluff: %v\n%s", err, out)
	}
	var files []struct {
		Filepath   string
		Violations []struct{ Code, Description string }
	}
	if err := json.Unmarshal(out, &files); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, f := range files {
		statement := statements[filepath.Base(f.Filepath)]
		for _, v := range f.Violations {
			if v.Code != "PRS" {
				continue
			}
			refused++
			if !hasUnknownOption(statement) {
				t.Errorf("%s\n%s", v.Description, statement)
			}
		}
	}
	if refused == 0 {
		t.Error("no statement with an unknown option was refused: remove it from unknownOptions, unless sqlfluff parsed nothing")
	}
}

func hasUnknownOption(statement string) bool {
	for option := range unknownOptions {
		if strings.Contains(statement, option+"=") {
			return true
		}
	}
	return false
}
