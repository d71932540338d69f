// Package docs checks the documents of the repository: the Go in them compiles and is
// formatted, their links and paths lead to files, and they use standard terms, as the
// sources do.
package docs

import (
	"encoding/json"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

const root = "../.."

// Every Go snippet compiles and is formatted as `make lint` wants it, so that it
// can be pasted. A snippet with a package clause is a whole file, one that starts
// with a brace an entry of feeds() in app.go, one that uses ctx the body of a function
// that is given ctx and cfg, any other one that of a function that is given a stack.
func TestGoSnippets(t *testing.T) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	var packages []string
	for _, name := range markdownFiles(t) {
		for i, snippet := range goSnippets(readFile(t, name)) {
			source := wrap(snippet)
			formatted, err := format.Source([]byte(source))
			if err != nil {
				t.Errorf("%s: Go snippet %d: %v\n%s", name, i+1, err, source)
				continue
			}
			if string(formatted) != source {
				t.Errorf("%s: Go snippet %d is not formatted, it should be:\n%s", name, i+1, formatted)
			}
			if isFile(snippet) && snippet != readFile(t, "examples/library/main.go") {
				t.Errorf("%s: Go snippet %d is a whole file, and not the same as examples/library/main.go", name, i+1)
				continue
			}
			// The file exists for the go command only.
			dir := fmt.Sprintf("test/docs/snippet%d", len(packages)+1)
			file := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay.Replace[filepath.Join(absolute, dir, "main.go")] = file
			packages = append(packages, "./"+dir)
		}
	}
	if len(packages) == 0 {
		t.Fatal("no Go snippet was found")
	}
	overlayFile := filepath.Join(t.TempDir(), "overlay.json")
	content, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlayFile, content, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", append([]string{"build", "-overlay", overlayFile, "-o", os.DevNull}, packages...)...)
	build.Dir = absolute
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("the Go snippets do not compile: %v\n%s", err, out)
	}
}

func isFile(snippet string) bool { return strings.Contains("\n"+snippet, "\npackage ") }

// wrap returns a Go file with a snippet.
func wrap(snippet string) string {
	if isFile(snippet) {
		return snippet
	}
	before, after := "func use(stack awscdk.Stack) error {\n", "\treturn nil\n}\n"
	if strings.Contains(snippet, "ctx") {
		before = "func use(ctx context.Context, cfg aws.Config) error {\n"
	}
	indent := "\t"
	if strings.HasPrefix(snippet, "{") {
		before, after = "var feeds = []app.Feed{\n", "}\n"
	}
	imports := []string{}
	module := strings.TrimSuffix(reflect.TypeFor[feed.Spec]().PkgPath(), "/feed")
	for _, group := range [][][2]string{
		{{"context.", "context"}, {"fmt.", "fmt"}, {"time.", "time"}},
		{{"awscdk.", "github.com/aws/aws-cdk-go/awscdk/v2"}, {"awsevents.", "github.com/aws/aws-cdk-go/awscdk/v2/awsevents"}, {"awseventstargets.", "github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"}, {"awscloudwatch.", "github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"}, {"awsstepfunctions.", "github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"}, {"awsiam.", "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"}, {"aws.Config", "github.com/aws/aws-sdk-go-v2/aws"}, {"jsii.", "github.com/aws/jsii-runtime-go"}},
		{{"app.Feed", module + "/app"}, {"constructs.", module + "/constructs"}, {"feed.Operation", module + "/feed"}, {"records.", module + "/records"}},
	} {
		var lines strings.Builder
		for _, i := range group {
			if strings.Contains(before+snippet, i[0]) {
				fmt.Fprintf(&lines, "\t%q\n", i[1])
			}
		}
		if lines.Len() > 0 {
			imports = append(imports, lines.String())
		}
	}
	body := indent + strings.ReplaceAll(strings.TrimSuffix(snippet, "\n"), "\n", "\n"+indent) + "\n"
	body = strings.ReplaceAll(body, "\n"+indent+"\n", "\n\n")
	return "package main\n\nimport (\n" + strings.Join(imports, "\n") + ")\n\n" + before + body + after + "\nfunc main() {}\n"
}

var fence = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

func goSnippets(markdown string) []string {
	var snippets []string
	for _, match := range fence.FindAllStringSubmatch(markdown, -1) {
		snippets = append(snippets, match[1])
	}
	return snippets
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksLeadToFiles(t *testing.T) {
	for _, name := range markdownFiles(t) {
		for _, match := range link.FindAllStringSubmatch(readFile(t, name), -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := name
			if target != "" {
				file = filepath.Join(filepath.Dir(name), target)
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s links to %s: %v", name, match[1], err)
				continue
			}
			if anchor != "" && !hasHeading(readFile(t, file), anchor) {
				t.Errorf("%s links to %s, but %s has no such heading", name, match[1], file)
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^a-z0-9 _-]`)

// hasHeading reports whether a heading has the anchor that GitHub gives it.
func hasHeading(markdown, anchor string) bool {
	for line := range strings.Lines(markdown) {
		heading, found := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !found || !strings.HasPrefix(line, "#") {
			continue
		}
		id := notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
		if strings.ReplaceAll(id, " ", "-") == anchor {
			return true
		}
	}
	return false
}

// nameSpan matches names of sources and documents in code spans, such as `app.go`,
// and pathSpan paths of the repository, such as `docs/feeds.md`.
var nameSpan = regexp.MustCompile("`([\\w-]+\\.(?:go|py|md))`")

var pathSpan = regexp.MustCompile("`([a-zA-Z_.][\\w.-]*(?:/[\\w.-]+)+)`")

func TestPathsExist(t *testing.T) {
	top, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, entry := range top {
		names[entry.Name()] = true
	}
	files := fileNames(t)
	for _, name := range markdownFiles(t) {
		for _, match := range nameSpan.FindAllStringSubmatch(readFile(t, name), -1) {
			if !files[match[1]] {
				t.Errorf("%s names %s, and no file has that name", name, match[1])
			}
		}
		for _, match := range pathSpan.FindAllStringSubmatch(readFile(t, name), -1) {
			first, _, _ := strings.Cut(match[1], "/")
			if !names[first] || first == "bin" || first == "dist" || strings.HasPrefix(match[1], "bench/out/") { // built, or written by a run
				continue
			}
			if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
				t.Errorf("%s names %s: %v", name, match[1], err)
			}
		}
	}
}

// fileNames has the names of all files of the repository, without their directories.
func fileNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	walk(t, func(name string) { names[filepath.Base(name)] = true })
	return names
}

// markdownFiles lists the Markdown files of the repository, relative to its root.
func markdownFiles(t *testing.T) []string {
	t.Helper()
	var names []string
	walk(t, func(name string) {
		if filepath.Ext(name) == ".md" {
			names = append(names, name)
		}
	})
	return names
}

// skippedDirs hold what is installed, built or written by runs, and files that
// imitate others.
var skippedDirs = map[string]bool{
	".cache": true, ".git": true, ".local": true, ".venv": true, "bin": true, "cdk.out": true, "dist": true, "node_modules": true, "testdata": true,
}

// walk calls visit with the path of each file of the repository, relative to its root.
func walk(t *testing.T, visit func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if skippedDirs[entry.Name()] {
				return fs.SkipDir
			}
			return nil
		}
		relative, err := filepath.Rel(root, name)
		visit(relative)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
