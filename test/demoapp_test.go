package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The demo's app as the cdk CLI runs it, with the context of cdk.json.
func TestDemoApp(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "app")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../examples/demo")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the app: %v\n%s", err, out)
	}

	t.Run("as it is", func(t *testing.T) {
		templates := runApp(t, dir, binary, nil)
		for _, stack := range []string{"Store", "Earthquakes", "Airports", "Movies", "Flights"} {
			if _, ok := templates[stack]; !ok {
				t.Errorf("the app has no stack %s", stack)
			}
		}
		matchSnapshots(t, "demo", templates)
	})

	t.Run("with Snowflake", func(t *testing.T) {
		templates := runApp(t, dir, binary, map[string]any{"snowflakeAccount": "myorg-myaccount"})
		if len(templates["Store"].ofType("Custom::SnowflakeSubscriber")) != 1 {
			t.Error("the store does not let Snowflake subscribe")
		}
		for stack, tpl := range templates {
			if stack != "Store" && len(tpl.ofType("Custom::SnowflakeObjects")) != 1 {
				t.Errorf("stack %s makes nothing in Snowflake", stack)
			}
		}
	})

	t.Run("in an environment", func(t *testing.T) {
		templates := runApp(t, dir, binary, map[string]any{"snowflakeAccount": "myorg-myaccount", "environment": "my-staging"})
		if len(templates["my-staging-Store"].Resources) == 0 {
			t.Errorf("stacks %v, want my-staging-Store among them", slices.Sorted(maps.Keys(templates)))
		}
		_, integration := only(t, templates["my-staging-Airports"], "Custom::SnowflakeIntegration", "Airports")
		if got := integration.Properties["Spec"].(map[string]any)["integration"]; got != "my_staging_airports_integration" {
			t.Errorf("integration %v", got)
		}
		for stack, tpl := range templates {
			requireTags(t, stack, tpl, "app", "environment")
		}
	})

	// Reported before the CDK starts, whose message would name neither the context key nor the allowed values.
	t.Run("invalid environment name", func(t *testing.T) {
		for _, name := range []string{"1st", "a_b", "-", "my staging", "é", strings.Repeat("a", 31), "a\n"} {
			outdir, out, err := execApp(t, dir, binary, map[string]any{"environment": name})
			want := fmt.Sprintf("context of the app: environment: %q cannot be the prefix of stack names: give up to 30 letters, digits and hyphens, beginning with a letter, such as \"staging\"\n", name)
			if err == nil || out != want {
				t.Errorf("%q: error %v\n%s\nwant\n%s", name, err, out, want)
			}
			if files, err := os.ReadDir(outdir); err != nil || len(files) > 0 {
				t.Errorf("%q: %d files were made, error %v", name, len(files), err)
			}
		}
	})

	t.Run("architecture from the context", func(t *testing.T) {
		templates := runApp(t, dir, binary, map[string]any{"architecture": "x86_64"})
		functions := 0
		all := templates["Airports"].ofType("AWS::Lambda::Function")
		maps.Copy(all, templates["Store"].ofType("AWS::Lambda::Function"))
		for id, f := range all {
			if f.Properties["Runtime"] != "provided.al2023" {
				continue
			}
			functions++
			if got, want := f.Properties["Architectures"], []any{"x86_64"}; !reflect.DeepEqual(got, want) {
				t.Errorf("%s: architectures %v, want %v", id, got, want)
			}
		}
		if functions != 2 {
			t.Errorf("%d functions, want unpack and load", functions)
		}
	})
}

// runApp returns what the app makes in dir, with context in addition to that of cdk.json.
func runApp(t *testing.T, dir, binary string, context map[string]any) map[string]template {
	t.Helper()
	outdir, out, err := execApp(t, dir, binary, context)
	if err != nil {
		t.Fatalf("run the app: %v\n%s", err, out)
	}
	return readTemplates(t, outdir)
}

// execApp runs the app and returns its output, and the folder for its templates.
func execApp(t *testing.T, dir, binary string, context map[string]any) (outdir, output string, err error) {
	t.Helper()
	all := featureFlags(t)
	all["assets"] = fakeAssets(t)
	maps.Copy(all, context)
	contextJSON, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	outdir = t.TempDir()
	app := exec.CommandContext(t.Context(), binary)
	app.Dir = dir
	app.Env = append(os.Environ(), "AWS_ENDPOINT_URL=", "CDK_OUTDIR="+outdir, "CDK_CONTEXT_JSON="+string(contextJSON))
	out, err := app.CombinedOutput()
	return outdir, string(out), err
}
