package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// snapshots has the template of each stack of app.go.
const snapshots = "__snapshots__"

// TestTemplates compares the templates that app.go makes, with the context of
// cdk.json, with those in the repository. It passes for any valid app.go. After a
// change that is meant, `make snapshots` writes them anew; review the diff.
func TestTemplates(t *testing.T) {
	update := os.Getenv("UPDATE_SNAPS") == "true"
	templates := synthesize(t)
	if update {
		if err := os.MkdirAll(snapshots, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for stack, template := range templates {
		path := snapshotPath(stack)
		if update {
			if err := os.WriteFile(path, []byte(template), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		switch {
		case err != nil:
			t.Errorf("stack %s is new: %v: run `make snapshots` and review the diff", stack, err)
		case string(want) != template:
			t.Errorf("stack %s differs from %s:\n%s\nif that is meant, run `make snapshots` and review the diff", stack, path, diff(t, path, template))
		}
	}
	kept, err := filepath.Glob(snapshotPath("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range kept {
		stack := strings.TrimSuffix(filepath.Base(path), ".json")
		if _, exists := templates[stack]; exists {
			continue
		}
		if !update {
			t.Errorf("app.go has no stack %s any more, and %s exists: run `make snapshots`", stack, path)
		} else if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

func snapshotPath(stack string) string { return filepath.Join(snapshots, stack+".json") }

// synthesize runs the app as the cdk CLI does, and returns its templates by stack,
// their keys in order and their asset hashes numbered: those change with every
// edit of a function. The functions are not built for it.
func synthesize(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	app := filepath.Join(dir, "app")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", app, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the app: %v\n%s", err, out)
	}
	content, err := os.ReadFile("cdk.json")
	if err != nil {
		t.Fatal(err)
	}
	var config struct{ Context map[string]any }
	if err := json.Unmarshal(content, &config); err != nil {
		t.Fatalf("cdk.json: %v", err)
	}
	config.Context["assets"] = prebuilt(t)
	context, err := json.Marshal(config.Context)
	if err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(dir, "cdk.out")
	run := exec.CommandContext(t.Context(), app)
	run.Env = append(os.Environ(), "CDK_OUTDIR="+output, "CDK_CONTEXT_JSON="+string(context), "AWS_ENDPOINT_URL=",
		"CDK_NO_PERF_BUILTINS=1", "JSII_RUNTIME_PACKAGE_CACHE=enabled", "JSII_DEPRECATED=quiet", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20")
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("run the app: %v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(output, "*.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	templates := map[string]string{}
	for _, file := range files {
		templates[strings.TrimSuffix(filepath.Base(file), ".template.json")] = normalize(t, file)
	}
	return templates
}

// prebuilt returns a folder with a file in place of each function's binary.
func prebuilt(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, goarch := range []string{"arm64", "amd64"} {
		for _, function := range []string{"unpack", "load", "discover", "snowflake", "export"} {
			dir := filepath.Join(root, goarch, function)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "bootstrap"), []byte(function+" for "+goarch), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

var assetHash = regexp.MustCompile(`[0-9a-f]{64}\.zip`)

func normalize(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var template any
	if err := json.Unmarshal(content, &template); err != nil {
		t.Fatal(err)
	}
	ordered, err := json.MarshalIndent(template, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[string]int{}
	return assetHash.ReplaceAllStringFunc(string(ordered), func(hash string) string {
		if _, seen := numbers[hash]; !seen {
			numbers[hash] = len(numbers) + 1
		}
		return fmt.Sprintf("asset-%d.zip", numbers[hash])
	}) + "\n"
}

// diff returns the lines in which a snapshot and a template differ.
func diff(t *testing.T, snapshot, template string) string {
	t.Helper()
	now := filepath.Join(t.TempDir(), "template.json")
	if err := os.WriteFile(now, []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	// The exit code is 1 where the files differ.
	out, _ := exec.CommandContext(t.Context(), "git", "diff", "--no-index", "--no-color", "--unified=2", snapshot, now).CombinedOutput()
	return string(out)
}
