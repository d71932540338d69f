package assembly

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// write writes files below a new folder.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	dir := write(t, map[string]string{
		"manifest.json": `{"artifacts":{
			"Orders":{"type":"aws:cloudformation:stack","environment":"aws://unknown-account/unknown-region","properties":{"templateFile":"Orders.json","tags":{"app":"ingestion"}}},
			"Id":{"type":"aws:cloudformation:stack","environment":"aws://123456789012/eu-central-1","properties":{"templateFile":"Orders.json","stackName":"Airports"}},
			"Tree":{"type":"cdk:tree","properties":{"file":"tree.json"}},
			"Stage":{"type":"cdk:cloud-assembly","properties":{"directoryName":"stage"}}}}`,
		"Orders.json":         "{}",
		"stage/manifest.json": `{"artifacts":{"X":{"type":"aws:cloudformation:stack","environment":"aws://unknown-account/eu-west-1","properties":{"templateFile":"X.json","stackName":"Stage-X"}}}}`,
		"stage/X.json":        `{"Resources":{}}`,
	})
	want := []Stack{
		{Name: "Airports", Account: "123456789012", Region: "eu-central-1", Template: []byte("{}")},
		{Name: "Orders", Tags: map[string]string{"app": "ingestion"}, Template: []byte("{}")},
		{Name: "Stage-X", Region: "eu-west-1", Template: []byte(`{"Resources":{}}`)},
	}
	if got, err := Read(dir); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestReadReportsErrors(t *testing.T) {
	empty := t.TempDir()
	if _, err := Read(empty); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "run `npx cdk synth` first") {
		t.Errorf("without a manifest: %v", err)
	}
	for manifest, want := range map[string]string{
		`{`: "manifest.json: unexpected end",
		`{"artifacts":{"A":{"type":"aws:cloudformation:stack","properties":{"templateFile":"A.json"}}}}`: "template of stack A: ",
		`{"artifacts":{"S":{"type":"cdk:cloud-assembly","properties":{"directoryName":"none"}}}}`:        "none has no manifest.json",
	} {
		if _, err := Read(write(t, map[string]string{"manifest.json": manifest})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", manifest, err, want)
		}
	}
}
