// Package library synthesizes examples/library: an app in a module of its own
// that imports the construct.
package library

import (
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

// The app and a copy of this module are each in a directory of their own, and
// nothing was built there: no Makefile, no binaries of functions, no node_modules.
func TestSynthesizeInModuleOfItsOwn(t *testing.T) {
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	module, app := filepath.Join(t.TempDir(), "module"), filepath.Join(t.TempDir(), "app")
	for _, dir := range []string{"constructs", "feed", "internal", "lambdas", "records", "snowflake"} {
		copySources(t, filepath.Join(repository, dir), filepath.Join(module, dir))
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		copyFile(t, filepath.Join(repository, name), filepath.Join(module, name))
	}
	for _, name := range []string{"cdk.json", "go.mod", "go.sum", "main.go"} {
		copyFile(t, filepath.Join(repository, "examples", "library", name), filepath.Join(app, name))
	}
	path := strings.TrimSuffix(reflect.TypeFor[feed.Spec]().PkgPath(), "/feed")
	run(t, app, nil, "go", "mod", "edit", "-replace", path+"="+module)

	env := []string{"XDG_CACHE_HOME=" + t.TempDir(), "GOCACHE=" + goCache(t)}
	cdk := filepath.Join(repository, "node_modules", ".bin", "cdk")
	run(t, app, env, cdk, "synth", "--quiet", "--no-notices")
	checkOrders(t, filepath.Join(app, "cdk.out"), "arm64", elf.EM_AARCH64)

	run(t, app, env, cdk, "synth", "--quiet", "--no-notices", "--output", "x86.out", "--context", "architecture=x86_64")
	checkOrders(t, filepath.Join(app, "x86.out"), "x86_64", elf.EM_X86_64)
}

// checkOrders checks the template of the feed and the binaries of its functions.
func checkOrders(t *testing.T, assembly, architecture string, machine elf.Machine) {
	t.Helper()
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties json.RawMessage
			Metadata   struct {
				Asset string `json:"aws:asset:path"`
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(assembly, "Orders.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	functions := 0
	for id, resource := range template.Resources {
		count[resource.Type]++
		if resource.Type != "AWS::Lambda::Function" {
			continue
		}
		var properties struct {
			Architectures []string
			Environment   struct{ Variables map[string]any }
		}
		if err := json.Unmarshal(resource.Properties, &properties); err != nil {
			t.Fatal(err)
		}
		if _, ok := properties.Environment.Variables[feed.EnvSpec]; !ok {
			continue // a function of the CDK's own
		}
		functions++
		if !slices.Equal(properties.Architectures, []string{architecture}) {
			t.Errorf("function %s is for %q, want %s", id, properties.Architectures, architecture)
		}
		binary, err := elf.Open(filepath.Join(assembly, resource.Metadata.Asset, "bootstrap"))
		if err != nil {
			t.Errorf("function %s: %v", id, err)
			continue
		}
		if binary.Machine != machine {
			t.Errorf("function %s: the binary is for %s", id, binary.Machine)
		}
		if err := binary.Close(); err != nil {
			t.Error(err)
		}
	}
	if functions != 2 || count["AWS::S3::Bucket"] != 2 || count["AWS::DynamoDB::GlobalTable"]+count["AWS::DynamoDB::Table"] != 1 {
		t.Errorf("%d functions of the feed, want unpack and load; resources: %v", functions, count)
	}
}

// goCache is the build cache of this process, where HOME may be the only hint.
func goCache(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func run(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func copySources(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		relative, err := filepath.Rel(from, name)
		if err == nil {
			copyFile(t, name, filepath.Join(to, relative))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	body, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, body, 0o600); err != nil {
		t.Fatal(err)
	}
}
