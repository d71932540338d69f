package assets_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"example.com/ingestion/constructs/internal/assets"
)

// newApp returns the folder of an app in a module of its own, which requires a
// copy of this module by a replace directive, and the folder of that copy. The
// directive has a relative path, because Go writes the path into the binary.
func newApp(t *testing.T) (app, library string) {
	t.Helper()
	const root = "../../.."
	parent := t.TempDir()
	app, library = filepath.Join(parent, "app"), filepath.Join(parent, "library")
	for _, folder := range []string{"feed", "internal", "lambdas", "records", "snowflake"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			write(t, filepath.Join(library, name), read(t, path))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	mod := read(t, filepath.Join(root, "go.mod"))
	write(t, filepath.Join(library, "go.mod"), mod)
	path := regexp.MustCompile(`(?m)^module (\S+)$`).FindSubmatch(mod)[1]
	mod = bytes.Replace(mod, path, []byte("example.org/app"), 1)
	mod = append(mod, "\nrequire "+string(path)+" v0.0.0\n\nreplace "+string(path)+" => ../library\n"...)
	write(t, filepath.Join(app, "go.mod"), mod)
	write(t, filepath.Join(app, "go.sum"), read(t, filepath.Join(root, "go.sum")))
	return app, library
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func build(t *testing.T, b *assets.Builder, functions ...string) string {
	t.Helper()
	root, err := b.Build(t.Context(), "amd64", functions...)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// An app in another module gets the binaries without a Makefile. They are built
// again after an edit of a source, and not otherwise.
func TestBuild(t *testing.T) {
	app, library := newApp(t)
	cache := t.TempDir()
	root := build(t, &assets.Builder{Dir: app, Cache: cache}, assets.Discover)
	binary := filepath.Join(assets.Folder(root, "amd64", assets.Discover), "bootstrap")
	first := read(t, binary)
	if !bytes.HasPrefix(first, []byte("\x7fELF")) {
		t.Errorf("%s is no program for Linux", binary)
	}
	if entries, err := os.ReadDir(filepath.Dir(binary)); err != nil || len(entries) != 1 {
		t.Errorf("the asset has %d files, error %v", len(entries), err)
	}
	if errs := assets.Missing(root, "amd64", assets.Discover, assets.Load); len(errs) != 1 || !strings.Contains(errs[0].Error(), "load") {
		t.Errorf("missing: %v, want load alone", errs)
	}

	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if again := build(t, &assets.Builder{Dir: app, Cache: cache}, assets.Discover); again != root {
		t.Errorf("without an edit the binaries move from %s to %s", root, again)
	}
	if unchanged, err := os.Stat(binary); err != nil || !unchanged.ModTime().Equal(info.ModTime()) {
		t.Errorf("without an edit the binary is built again, error %v", err)
	}

	source := filepath.Join(library, "internal", "functions", "discover", "edited.go")
	write(t, source, []byte("package discover\n\nimport \"os\"\n\nfunc init() { _ = os.Getenv(\"EDITED\") }\n"))
	edited := build(t, &assets.Builder{Dir: app, Cache: cache}, assets.Discover)
	if edited == root || bytes.Equal(first, read(t, filepath.Join(assets.Folder(edited, "amd64", assets.Discover), "bootstrap"))) {
		t.Error("after an edit the binary is the same")
	}
	if err := os.Remove(source); err != nil {
		t.Fatal(err)
	}
	if restored := build(t, &assets.Builder{Dir: app, Cache: cache}, assets.Discover); restored != root {
		t.Error("after the edit is reverted the first binary is not found")
	}
	write(t, source, []byte("package discover\n\nvar broken int = \"\"\n"))
	_, err = (&assets.Builder{Dir: app, Cache: cache}).Build(t.Context(), "amd64", assets.Discover)
	if err == nil || !strings.Contains(err.Error(), "edited.go:3") || !strings.Contains(err.Error(), "give Assets") {
		t.Errorf("a source that does not compile: %v", err)
	}
}

// Of two processes that build the same at once both get a whole binary.
func TestBuildAtOnce(t *testing.T) {
	cache := t.TempDir()
	var wg sync.WaitGroup
	roots := make([]string, 2)
	errs := make([]error, len(roots))
	for i := range roots {
		wg.Go(func() {
			roots[i], errs[i] = (&assets.Builder{Cache: cache}).Build(context.Background(), "amd64", assets.Discover)
		})
	}
	wg.Wait()
	if errs[0] != nil || errs[1] != nil || roots[0] != roots[1] {
		t.Fatalf("%q, %v", roots, errs)
	}
	if errs := assets.Missing(roots[0], "amd64", assets.Discover); len(errs) > 0 {
		t.Error(errs)
	}
	left, err := filepath.Glob(filepath.Join(roots[0], "build-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestBuildErrors(t *testing.T) {
	t.Run("no go command", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		_, err := (&assets.Builder{Cache: t.TempDir()}).Build(t.Context(), "arm64", assets.Unpack)
		if err == nil || !strings.Contains(err.Error(), "install Go") || !strings.Contains(err.Error(), "give Assets") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no module", func(t *testing.T) {
		_, err := (&assets.Builder{Dir: t.TempDir(), Cache: t.TempDir()}).Build(t.Context(), "arm64", assets.Unpack)
		if err == nil || !strings.Contains(err.Error(), "module of the app") || !strings.Contains(err.Error(), "give Assets") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a module that does not require this one", func(t *testing.T) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "go.mod"), []byte("module example.org/other\n\ngo 1.26.0\n"))
		_, err := (&assets.Builder{Dir: dir, Cache: t.TempDir()}).Build(t.Context(), "arm64", assets.Unpack)
		if err == nil || !strings.Contains(err.Error(), "module of the app") || !strings.Contains(err.Error(), "go mod tidy") {
			t.Errorf("error %v", err)
		}
	})
}
