package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

const newPath = "github.com/acme/data-ingestion"

// The command is run on a copy of the repository: afterwards the old path is
// nowhere, all packages resolve, and some of them compile.
func TestRenameRepository(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	oldPath := modfile.ModulePath(gomod)
	repository := t.TempDir()
	copyFiles(t, root, repository)

	command(t, repository, "make", "rename", "MODULE="+newPath)

	walk(t, repository, func(name string) {
		text, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return
		}
		for i, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, oldPath) {
				t.Errorf("%s:%d still has %s: %s", name, i+1, oldPath, line)
			}
		}
	})
	for pkg := range strings.Lines(command(t, repository, "go", "list", "./...")) {
		if !strings.HasPrefix(pkg, newPath) {
			t.Errorf("package %s is not below %s", pkg, newPath)
		}
	}
	// -deps fails on an import that no module provides.
	command(t, repository, "go", "list", "-deps", "-test", "./...")
	command(t, repository, "go", "vet", "./feed", "./internal/ids", "./scripts/rename")
	if unformatted := command(t, repository, "gofmt", "-l", "constructs", "feed", "internal", "lambdas", "local"); unformatted != "" {
		t.Errorf("not formatted after the renaming:\n%s", unformatted)
	}
}

func TestReplace(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"module line":        {"module old.org/m\n", "module new.org/x\n"},
		"import":             {`import "old.org/m/feed"`, `import "new.org/x/feed"`},
		"end of a sentence":  {"It is old.org/m.", "It is new.org/x."},
		"twice in a line":    {`"old.org/m" "old.org/m/feed"`, `"new.org/x" "new.org/x/feed"`},
		"regular expression": {`old\.org/m/feed`, `new\.org/x/feed`},
		"without space":      {"old.org/m,old.org/m", "new.org/x,new.org/x"},
		"longer name":        {"old.org/mx old.org/m-x", "old.org/mx old.org/m-x"},
		"longer domain":      {"very.old.org/m", "very.old.org/m"},
		"binary file":        {"\x00 old.org/m ", "\x00 old.org/m "},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(replace([]byte(test.text), "old.org/m", "new.org/x")); got != test.want {
				t.Errorf("replace(%q) = %q, want %q", test.text, got, test.want)
			}
		})
	}
}

// A new major version has the old path in it.
func TestReplaceByLongerPath(t *testing.T) {
	if got := string(replace([]byte(`"old.org/m/feed" old.org/m`), "old.org/m", "old.org/m/v2")); got != `"old.org/m/v2/feed" old.org/m/v2` {
		t.Errorf("replace = %s", got)
	}
}

func TestRefuseInvalidPath(t *testing.T) {
	for name, args := range map[string][]string{
		"no path":            nil,
		"empty":              {""},
		"no dot in a domain": {"ingestion"},
		"address":            {"https://github.com/acme/ingestion"},
		"two":                {"github.com/acme/a", "github.com/acme/b"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(args, t.TempDir(), io.Discard); err == nil || !strings.Contains(err.Error(), "github.com/acme/ingestion") {
				t.Errorf("error %v, want one with an example", err)
			}
		})
	}
}

func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.String()
}

// walk calls visit with the path of every file of the repository, relative to root.
func walk(t *testing.T, root string, visit func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skippedDirs[entry.Name()]:
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err == nil {
			visit(relative)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	walk(t, from, func(name string) {
		body, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, body, 0o600); err != nil {
			t.Fatal(err)
		}
	})
}
