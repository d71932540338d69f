// Package architecture compares docs/architecture.md with the code: its tables
// list every package, and its rules about imports hold.
package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	root     = "../.."
	document = root + "/docs/architecture.md"
)

// goPackage is one package as `go list` describes it.
type goPackage struct {
	ImportPath string
	Imports    []string
	Module     struct{ Path string }
	// Name is the import path relative to the repository's root, "." for the root.
	Name string `json:"-"`
}

func TestTablesListEveryPackage(t *testing.T) {
	listed := map[string]bool{}
	for _, row := range tableRows(t, "## Packages") {
		for _, name := range codeSpans(row[0]) {
			if listed[name] {
				t.Errorf("%s lists package %s twice", document, name)
			}
			listed[name] = true
			if len(row) < 2 || row[1] == "" {
				t.Errorf("%s does not say what package %s is for", document, name)
			}
		}
	}
	exists := map[string]bool{}
	for _, p := range packages(t) {
		exists[p.Name] = true
		if !listed[p.Name] {
			t.Errorf("package %s is not in the tables under \"Packages\" of %s: add a row", p.Name, document)
		}
	}
	for name := range listed {
		if !exists[name] {
			t.Errorf("%s lists package %s, which does not exist", document, name)
		}
	}
}

func TestImportRules(t *testing.T) {
	rules := tableRows(t, "## Import rules")
	if len(rules) == 0 {
		t.Fatalf("%s has no rules", document)
	}
	packages := packages(t)
	for _, rule := range rules {
		restricted, importers := codeSpans(rule[0]), codeSpans(rule[1])
		matched := false
		for _, p := range packages {
			for _, imported := range p.Imports {
				if !matchesAny(restricted, imported) {
					continue
				}
				matched = true
				if !matchesAny(importers, p.Name) {
					t.Errorf("package %s imports %s; only %s may: %s", p.Name, imported, rule[1], rule[2])
				}
			}
		}
		if !matched && !strings.Contains(rule[0], "internal/testing") {
			t.Errorf("no package imports %s: the rule of %s is out of date", rule[0], document)
		}
	}
}

// matchesAny reports whether one of patterns is name, or ends in /… and covers it.
func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		parent, below := strings.CutSuffix(pattern, "/…")
		return name == parent || below && strings.HasPrefix(name, parent+"/")
	})
}

func TestMatchesAny(t *testing.T) {
	for name, test := range map[string]struct {
		patterns []string
		name     string
		want     bool
	}{
		"same":              {[]string{"a/b"}, "a/b", true},
		"below":             {[]string{"a/…"}, "a/b/c", true},
		"the parent itself": {[]string{"a/…"}, "a", true},
		"longer name":       {[]string{"a/…"}, "ab", false},
		"not below":         {[]string{"a"}, "a/b", false},
		"second":            {[]string{"a", "b"}, "b", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := matchesAny(test.patterns, test.name); got != test.want {
				t.Errorf("matchesAny(%q, %q) = %v", test.patterns, test.name, got)
			}
		})
	}
}

// packages lists the packages of the repository, also those of nested modules.
// Imports within the repository are relative to its root.
func packages(t *testing.T) []goPackage {
	t.Helper()
	var all []goPackage
	module := ""
	for _, dir := range modules(t) {
		list := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,Module", "./...")
		list.Dir = filepath.Join(root, dir)
		out, err := list.Output()
		if err != nil {
			t.Fatalf("go list in %s: %v", list.Dir, err)
		}
		decoder := json.NewDecoder(strings.NewReader(string(out)))
		for {
			var p goPackage
			if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if dir == "." {
				module = p.Module.Path
			}
			p.Name = path.Join(dir, strings.TrimPrefix(p.ImportPath, p.Module.Path))
			for i, imported := range p.Imports {
				if relative, ok := strings.CutPrefix(imported, module+"/"); ok {
					p.Imports[i] = relative
				}
			}
			all = append(all, p)
		}
	}
	return all
}

// modules lists the directories with a go.mod, the root first.
func modules(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case entry.Name() != "go.mod":
			return nil
		}
		relative, err := filepath.Rel(root, filepath.Dir(name))
		dirs = append(dirs, filepath.ToSlash(relative))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(dirs)
	return dirs
}

// tableRows returns the cells of the tables under a heading of the document,
// without the header rows.
func tableRows(t *testing.T, heading string) [][]string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", document, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var rows [][]string
	lines := strings.Split(section, "\n")
	for i, line := range lines {
		header := i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|--")
		if !strings.HasPrefix(line, "| ") || header {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), "|")
		for j := range cells {
			cells[j] = strings.TrimSpace(cells[j])
		}
		rows = append(rows, cells)
	}
	return rows
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

func codeSpans(cell string) []string {
	var spans []string
	for _, match := range codeSpan.FindAllStringSubmatch(cell, -1) {
		spans = append(spans, match[1])
	}
	return spans
}
