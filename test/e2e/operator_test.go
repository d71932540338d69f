package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// result is the output of a command.
type result struct {
	command, out, err string
	code              int
}

// ingest runs bin/ingest, as a user of the local AWS would, and checks its exit code.
func (w *fixture) ingest(t *testing.T, code int, args ...string) result {
	t.Helper()
	return w.shell(t, code, "ingest "+quoted(args))
}

// quoted quotes arguments for a shell.
func quoted(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		if words[i] = a; a == "" || strings.ContainsAny(a, " '\"$*;|&<>()\\") {
			words[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// shell runs a command line, such as one that a command has printed.
func (w *fixture) shell(t *testing.T, code int, line string) result {
	t.Helper()
	got := w.run(t, line)
	if got.code != code {
		t.Fatalf("%s: exit code %d, want %d\n%s%s", line, got.code, code, got.out, got.err)
	}
	return got
}

// run is shell with any exit code.
func (w *fixture) run(t *testing.T, line string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir = w.dir
	cmd.Env = append(w.env.Environ(), "SNOWFLAKE_ENDPOINT_URL="+w.env.Snowflake.URL(),
		"PATH="+filepath.Join(w.repo, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	got := 0
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("%s: %v", line, err)
		}
		got = exit.ExitCode()
	}
	t.Logf("$ %s\n%.4000s%s[%d]", line, out.String(), errOut.String(), got)
	return result{line, out.String(), errOut.String(), got}
}

// line checks that one line of the output contains all texts, in their order.
func (s result) line(t *testing.T, texts ...string) {
	t.Helper()
	for line := range strings.Lines(s.out + s.err) {
		rest, found := line, true
		for _, text := range texts {
			if _, rest, found = strings.Cut(rest, text); !found {
				break
			}
		}
		if found {
			return
		}
	}
	t.Errorf("%s: no line has %q:\n%s%s", s.command, texts, s.out, s.err)
}

// read decodes the output of --output json.
func (s result) read(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.out), v); err != nil {
		t.Fatalf("%s: %v\n%s", s.command, err, s.out)
	}
}

// count checks the number of output lines.
func (s result) count(t *testing.T, n int64) {
	t.Helper()
	if got := int64(strings.Count(s.out, "\n")); got != n {
		t.Errorf("%s: %d lines, want %d", s.command, got, n)
	}
}
