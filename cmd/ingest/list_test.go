package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// synthesize makes a folder with a cdk.out that contains these stacks the working
// directory.
func synthesize(t *testing.T, stacks ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	var artifacts []string
	for _, name := range stacks {
		artifacts = append(artifacts, `"`+name+`":{"type":"aws:cloudformation:stack","environment":"aws://unknown-account/unknown-region",
			"properties":{"templateFile":"template.json","tags":{"app":"ingestion"}}}`)
	}
	files := map[string]string{"manifest.json": `{"artifacts":{` + strings.Join(artifacts, ",") + `}}`, "template.json": "{}"}
	if err := os.Mkdir(defaultCDKOut, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		file := filepath.Join(defaultCDKOut, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at(9, 0), at(9, 0)); err != nil {
			t.Fatal(err)
		}
	}
}

// listed runs ingest list.
func listed(t *testing.T, args ...string) result {
	t.Helper()
	c, _ := withUploads(t)
	return ingest(t.Context(), c.connect, append([]string{"list"}, args...)...)
}

func TestListReportsFeedsThatAreNotInTheApp(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	synthesize(t, "Orders", "Store")
	outputs := map[string]result{}
	for _, form := range []string{outputTable, outputJSON} {
		outputs[form] = listed(t, "--output", form)
	}
	t.Chdir(dir)
	for form, got := range outputs {
		if got.code != exitOK || got.errOut != "" {
			t.Errorf("%+v", got)
		}
		golden(t, "list.app."+form, got.out)
	}
}

func TestListInAnAppWithAllFeeds(t *testing.T) {
	synthesize(t, "Orders", "Returns", "Store")
	if got := listed(t); got.code != exitOK || strings.Contains(got.out, "not in the app") {
		t.Errorf("%+v", got)
	}
	if got := listed(t, "-o", "json"); strings.Count(got.out, `"in_app": true`) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestListWithoutAnApp(t *testing.T) {
	t.Chdir(t.TempDir())
	if got := listed(t, "-o", "json"); got.code != exitOK || strings.Contains(got.out, "in_app") {
		t.Errorf("%+v", got)
	}
	if got := listed(t, "--cdk-out", "elsewhere"); got.code != exitFailed || !strings.Contains(got.errOut, "--cdk-out: elsewhere has no manifest.json: run `npx cdk synth` first") {
		t.Errorf("%+v", got)
	}
}
