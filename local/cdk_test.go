package local

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestContextIsGivenToEveryCommand has a script for the CLI that says what it is told.
func TestContextIsGivenToEveryCommand(t *testing.T) {
	repo := t.TempDir()
	bin := filepath.Join(repo, "node_modules", ".bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "cdk"), []byte("#!/bin/sh\necho \"$@\"\n"), 0o755); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	env := &Env{server: &server{}, options: Options{Repo: repo, Dir: t.TempDir(), Context: map[string]string{"b": "2 3", "a": "1"}}}
	var out bytes.Buffer
	if err := env.CDK(t.Context(), &out, "deploy", "Feed"); err != nil {
		t.Fatal(err)
	}
	if said := out.String(); !strings.HasPrefix(said, "deploy Feed ") || !strings.Contains(said, "--context a=1 --context b=2 3") {
		t.Errorf("the CLI was told %s", said)
	}
}
