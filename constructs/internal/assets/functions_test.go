package assets_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/feed"
)

// functions are all functions with the limits of their binaries in bytes: a larger
// one takes longer to start. Half of unpack is the reader of Parquet.
var functions = map[string]int{
	assets.Unpack: 34e6, assets.Load: 14e6, assets.Export: 14e6, assets.Discover: 14e6, assets.Snowflake: 19.5e6,
}

// What the functions do not need must not get into them by a careless import.
func TestFunctionsAreLean(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}}", "./lambdas/...")
	list.Dir = "../../.."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	module := strings.TrimSuffix(reflect.TypeFor[feed.Spec]().PkgPath(), "/feed")
	for name := range strings.Lines(string(out)) {
		for _, banned := range []string{"duckdb", "aws-cdk", "jsii", module + "/constructs", module + "/local"} {
			if strings.Contains(name, banned) {
				t.Errorf("a function imports %s", name)
			}
		}
	}
}

// The CDK names an asset by the hash of its binary: built from two copies of the
// sources in different folders it must be the same, or every machine's cdk diff
// would show a change.
func TestBuildIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds all functions twice")
	}
	var binaries []map[string][]byte
	for range 2 {
		app, _ := newApp(t)
		built := map[string][]byte{}
		for name, limit := range functions {
			root := build(t, &assets.Builder{Dir: app, Cache: t.TempDir()}, name)
			built[name] = read(t, filepath.Join(assets.Folder(root, "amd64", name), "bootstrap"))
			t.Logf("%s: %d bytes", name, len(built[name]))
			if len(built[name]) > limit {
				t.Errorf("%s has %d bytes, the limit is %d", name, len(built[name]), limit)
			}
		}
		binaries = append(binaries, built)
	}
	for name, binary := range binaries[0] {
		if !bytes.Equal(binary, binaries[1][name]) {
			t.Errorf("%s: two copies of the sources built different bytes", name)
		}
	}
}
