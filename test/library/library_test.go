// Package library synthesizes examples/library, an app in a module of its own
// that imports the construct, and deploys it to the local AWS.
package library

import (
	"context"
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
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/local"
	"example.com/ingestion/local/feedtest"
)

// The app and a copy of this module are each in a directory of their own, and
// nothing was built there: no Makefile, no binaries of functions, no node_modules.
func TestSynthesizeInModuleOfItsOwn(t *testing.T) {
	app := newApp(t)
	app.cdk(t, nil, "synth", "--quiet")
	checkOrders(t, filepath.Join(app.dir, "cdk.out"), "arm64", elf.EM_AARCH64)

	app.cdk(t, nil, "synth", "--quiet", "--output", "x86.out", "--context", "architecture=x86_64")
	checkOrders(t, filepath.Join(app.dir, "x86.out"), "x86_64", elf.EM_X86_64)
}

// The app is deployed to the local AWS, and loads a file.
func TestDeployToLocalAWS(t *testing.T) {
	app := newApp(t)
	env, err := local.Start(t.Context(), local.Options{Dir: t.TempDir(), Repo: app.repository, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := env.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	app.cdk(t, env.Environ(), "deploy", "--require-approval", "never", "--method=direct")

	cfg, err := env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	orders, err := feedtest.New(t.Context(), cfg, "Orders")
	if err != nil {
		t.Fatal(err)
	}
	_, err = orders.Put(t.Context(), feedtest.File{
		Key: "incoming/orders.csv", Body: []byte("id|customer|amount\n1|ada|9.90\n2|bob|12.00\n3|eve\n"), Records: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	uploads, err := orders.Wait(ctx, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	u := uploads[0]
	if stored, err := orders.CountItems(ctx, u); err != nil || stored != 2 || u.Stored != 2 || u.RejectedByUnpack != 1 {
		t.Errorf("%d items in the table, error %v; the ledger has %d stored and %d rejected, want 2 and 1", stored, err, u.Stored, u.RejectedByUnpack)
	}
}

// app is a copy of examples/library in a directory of its own.
type app struct {
	repository, dir string
	env             []string
}

func newApp(t *testing.T) app {
	t.Helper()
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	module, dir := filepath.Join(t.TempDir(), "module"), filepath.Join(t.TempDir(), "app")
	for _, folder := range []string{"constructs", "feed", "internal", "lambdas", "records", "snowflake"} {
		copySources(t, filepath.Join(repository, folder), filepath.Join(module, folder))
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		copyFile(t, filepath.Join(repository, name), filepath.Join(module, name))
	}
	for _, name := range []string{"cdk.json", "go.mod", "go.sum", "main.go"} {
		copyFile(t, filepath.Join(repository, "examples", "library", name), filepath.Join(dir, name))
	}
	path := strings.TrimSuffix(reflect.TypeFor[feed.Spec]().PkgPath(), "/feed")
	run(t, dir, nil, "go", "mod", "edit", "-replace", path+"="+module)
	// The functions are built, not taken from an earlier run; with Go's own cache.
	return app{repository, dir, []string{"XDG_CACHE_HOME=" + t.TempDir(), "GOCACHE=" + goCache(t)}}
}

// cdk runs the cdk CLI in the app's directory.
func (a app) cdk(t *testing.T, env []string, args ...string) {
	t.Helper()
	run(t, a.dir, append(env, a.env...), filepath.Join(a.repository, "node_modules", ".bin", "cdk"), append(args, "--no-notices")...)
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
		if _, ok := properties.Environment.Variables[feed.EnvLandingBucket]; !ok {
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
