// Package build tests what `make build` promises of the functions' binaries.
package build

import (
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

// limits of the functions' binaries, in bytes: a larger one starts later.
var limits = map[string]int{"unpack": 14e6, "load": 14e6, "export": 14e6, "discover": 14e6, "drain": 14e6, "snowflake": 19.5e6}

// What the functions do not need must not get into them by a careless import.
func TestFunctionsAreLean(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}}", "./lambdas/...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	module := strings.TrimSuffix(reflect.TypeOf(feed.Spec{}).PkgPath(), "/feed")
	for name := range strings.Lines(string(out)) {
		for _, banned := range []string{"duckdb", "aws-cdk", "jsii", module + "/constructs", module + "/local"} {
			if strings.Contains(name, banned) {
				t.Errorf("a function imports %s", name)
			}
		}
	}
}

// The hash of a function's asset is the hash of its binary: built from two
// clones in different folders it must be the same, or every machine's cdk diff
// would show a change.
func TestTwoClonesBuildTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the functions twice")
	}
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var sums []map[string][32]byte
	for range 2 {
		clone := filepath.Join(t.TempDir(), "clone")
		for _, name := range []string{"go.mod", "go.sum", "Makefile"} {
			body, err := os.ReadFile(filepath.Join(repo, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(clone, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(clone, name), body, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, dir := range []string{"feed", "internal", "lambdas", "snowflake"} {
			if err := os.CopyFS(filepath.Join(clone, dir), os.DirFS(filepath.Join(repo, dir))); err != nil {
				t.Fatal(err)
			}
		}
		sum := map[string][32]byte{}
		for function, limit := range limits {
			binary := filepath.Join("dist", runtime.GOARCH, function, "bootstrap")
			build := exec.CommandContext(t.Context(), "make", binary, "ARCH="+runtime.GOARCH)
			build.Dir = clone
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			body, err := os.ReadFile(filepath.Join(clone, binary))
			if err != nil {
				t.Fatal(err)
			}
			sum[function] = sha256.Sum256(body)
			t.Logf("%s: %d bytes", function, len(body))
			if len(body) >= limit {
				t.Errorf("%s has %d bytes, the limit is %d", function, len(body), limit)
			}
		}
		sums = append(sums, sum)
	}
	for function, sum := range sums[0] {
		if sum != sums[1][function] {
			t.Errorf("%s: the two clones built different bytes", function)
		}
	}
}
