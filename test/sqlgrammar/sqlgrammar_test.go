// Package sqlgrammar parses generated SQL with a grammar of Snowflake that others wrote:
// sqlparser-ts, which is Apache's sqlparser-rs. It parses CREATE and DROP of views, tables and stages; `make
// sql-lint` checks the other statements with sqlfluff where that can be installed.
package sqlgrammar

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// everySectionRE matches the comment above the statements of any operation.
var everySectionRE = regexp.MustCompile(`(?m)^-- .*: [a-z ]+\n`)

// sectionRE matches the comment above the statements of one operation of an object.
var sectionRE = regexp.MustCompile(`(?m)^-- (VIEW|TABLE|STAGE) .*: (?:create|drop)\n`)

// goldenStatements returns the distinct statements that create and drop views,
// tables and stages.
func goldenStatements(t *testing.T) []string {
	t.Helper()
	return statementsOf(t, sectionRE)
}

// everyStatement returns every distinct golden statement, by the name of a file.
func everyStatement(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for i, statement := range statementsOf(t, everySectionRE) {
		all[fmt.Sprintf("%03d.sql", i)] = statement
	}
	return all
}

// statementsOf returns the distinct statements below the comments that match.
func statementsOf(t *testing.T, section *regexp.Regexp) []string {
	t.Helper()
	files, err := filepath.Glob("../../snowflake/testdata/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden statements", err)
	}
	seen := map[string]bool{}
	var all []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range section.FindAllStringIndex(string(content), -1) {
			text, _, _ := strings.Cut(string(content[at[1]:]), "\n-- ")
			for statement := range strings.SplitSeq(text, ";\n") {
				if statement = strings.TrimSpace(statement); statement != "" && !seen[statement] {
					seen[statement] = true
					all = append(all, statement)
				}
			}
		}
	}
	return all
}

// parse returns the error of each statement, empty for none.
func parse(t *testing.T, statements []string) []string {
	t.Helper()
	input, err := json.Marshal(statements)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "parse.mjs")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: install the packages with `make deps`", err)
	}
	var reported []*string
	if err := json.Unmarshal(out, &reported); err != nil || len(reported) != len(statements) {
		t.Fatalf("%d results of %d statements: %v", len(reported), len(statements), err)
	}
	found := make([]string, len(reported))
	for i, text := range reported {
		if text != nil {
			found[i] = *text
		}
	}
	return found
}

func TestGoldenStatements(t *testing.T) {
	statements := goldenStatements(t)
	if len(statements) < 20 {
		t.Fatalf("only %d statements", len(statements))
	}
	for i, message := range parse(t, statements) {
		if message != "" {
			t.Errorf("%s\n%s", message, statements[i])
		}
	}
	t.Logf("%d statements", len(statements))
}

// The grammar rejects what it has to: a statement with a misspelled word.
func TestMisspelledStatements(t *testing.T) {
	var broken []string
	for _, statement := range goldenStatements(t) {
		for _, word := range []string{"SELECT", "FROM", "QUALIFY", "VARCHAR,", "PARTITION BY", "EXISTS"} {
			if strings.Contains(statement, word) {
				broken = append(broken, strings.Replace(statement, word, word[:2]+" "+word[2:], 1))
			}
		}
	}
	accepted := 0
	for i, message := range parse(t, broken) {
		if message == "" {
			accepted++
			t.Logf("accepted: %s", broken[i])
		}
	}
	if len(broken) == 0 || accepted > 0 {
		t.Errorf("%d of %d misspelled statements are accepted", accepted, len(broken))
	}
}
