// Command rename gives this Go module another path, everywhere in the
// repository: in go.mod, in imports (also in files with build tags and in nested
// modules), in the settings of the linters and in the documentation.
//
//	go run ./scripts/rename github.com/acme/ingestion
//
// `make rename MODULE=github.com/acme/ingestion` runs it.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

func main() {
	if err := run(os.Args[1:], ".", os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rename:", err)
		os.Exit(1)
	}
}

// run renames the module whose go.mod is in the directory root to args[0].
func run(args []string, root string, stdout io.Writer) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("give the new module path: make rename MODULE=github.com/acme/ingestion")
	}
	newPath := args[0]
	if err := module.CheckPath(newPath); err != nil {
		return fmt.Errorf("%w: give a path that `go get` accepts, such as github.com/acme/ingestion", err)
	}
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return fmt.Errorf("read the module's path: %w", err)
	}
	oldPath := modfile.ModulePath(gomod)
	if oldPath == "" {
		return errors.New("go.mod has no module line")
	}
	if oldPath == newPath {
		fmt.Fprintf(stdout, "the module is already named %s\n", newPath)
		return nil
	}
	changed, err := renameFiles(root, oldPath, newPath)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "renamed %s to %s in %d files\n", oldPath, newPath, changed)
	return nil
}

// skippedDirs hold what is built, installed or written by local runs.
var skippedDirs = map[string]bool{
	".git": true, ".local": true, ".venv": true, "bin": true, "cdk.out": true, "dist": true, "node_modules": true,
}

// renameFiles rewrites every text file below root and returns how many changed.
func renameFiles(root, oldPath, newPath string) (changed int, err error) {
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skippedDirs[entry.Name()]:
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		old, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		text := replace(old, oldPath, newPath)
		if bytes.Equal(old, text) {
			return nil
		}
		if filepath.Ext(name) == ".go" {
			// Another path may sort differently among the imports.
			if text, err = format.Source(text); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		changed++
		return os.WriteFile(name, text, info.Mode().Perm())
	})
	return changed, err
}

// replace returns text with newPath in place of oldPath, where oldPath is a
// whole module path and not a piece of a longer name. A binary file is returned
// as it is.
func replace(text []byte, oldPath, newPath string) []byte {
	if bytes.IndexByte(text, 0) >= 0 {
		return text
	}
	text = replaceWhole(text, oldPath, newPath)
	return replaceWhole(text, regexp.QuoteMeta(oldPath), regexp.QuoteMeta(newPath)) // in regular expressions
}

// partOfPath matches what makes a path before or after it a longer one.
var partOfPath = struct{ before, after *regexp.Regexp }{regexp.MustCompile(`[\w./-]$`), regexp.MustCompile(`^[\w-]`)}

func replaceWhole(text []byte, oldPath, newPath string) []byte {
	var replaced []byte
	for {
		before, after, found := bytes.Cut(text, []byte(oldPath))
		replaced = append(replaced, before...)
		if !found {
			return replaced
		}
		path := newPath
		if partOfPath.before.Match(replaced[max(0, len(replaced)-1):]) || partOfPath.after.Match(after) {
			path = oldPath
		}
		replaced = append(replaced, path...)
		text = after
	}
}
