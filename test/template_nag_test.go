package test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// snapshotTemplates are the templates of all snapshots by the name of their file. The
// tests that read them are in files that are sorted after snapshot_test.go, so that a
// run that refreshes the snapshots reads the new ones.
func snapshotTemplates(t *testing.T) map[string]template {
	t.Helper()
	files, err := filepath.Glob("__snapshots__/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d snapshots, %v", len(files), err)
	}
	templates := make(map[string]template, len(files))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tpl := template{text: string(b)}
		if err := json.Unmarshal(b, &tpl); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		templates[file] = tpl
	}
	return templates
}

// finding is a finding of cdk-nag.
type finding struct{ Rule, Resource, Info string }

func nagFindings(t *testing.T, files []string) map[string][]finding {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{"nag/nag.js"}, files...)...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("cdk-nag (installed by \"make deps\"): %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var findings map[string][]finding
	if err := json.Unmarshal(out, &findings); err != nil {
		t.Fatal(err)
	}
	return findings
}

// suppression is one that the constructs have written into a template.
type suppression struct {
	ID, Reason string
	AppliesTo  []struct{ Regex string } `json:"applies_to"`
}

// covers reports whether s suppresses the finding: all findings of its rule, or those
// whose text in brackets after the rule matches a pattern.
func (s suppression) covers(t *testing.T, f finding) bool {
	rule, what, _ := strings.Cut(strings.TrimSuffix(f.Rule, "]"), "[")
	if rule != s.ID {
		return false
	}
	for _, p := range s.AppliesTo {
		pattern, err := regexp.Compile(strings.Trim(p.Regex, "/"))
		if err != nil {
			t.Fatal(err)
		}
		if pattern.MatchString(what) {
			return true
		}
	}
	return len(s.AppliesTo) == 0
}

// Every finding of AwsSolutions has a suppression with a reason in the code, and every
// suppression has a finding.
func TestNag(t *testing.T) {
	templates := snapshotTemplates(t)
	var files []string
	for file := range templates {
		files = append(files, file)
	}
	findings := nagFindings(t, files)
	covered := 0
	for file, tpl := range templates {
		suppressions := map[string][]suppression{}
		used := map[string]bool{}
		for id, r := range tpl.Resources {
			suppressions[id] = r.Metadata.Nag.Suppressions
		}
		for _, f := range findings[file] {
			found := false
			for _, s := range suppressions[f.Resource] {
				if s.covers(t, f) {
					found, used[f.Resource+s.ID+s.Reason] = true, true
				}
			}
			if found {
				covered++
			} else {
				t.Errorf("%s: %s: %s: %s", file, f.Resource, f.Rule, f.Info)
			}
		}
		for id, all := range suppressions {
			for _, s := range all {
				if len(s.Reason) < 30 {
					t.Errorf("%s: %s: %s is suppressed for %q, which is too short for a reason", file, id, s.ID, s.Reason)
				}
				if !used[id+s.ID+s.Reason] {
					t.Errorf("%s: %s: %s %v is suppressed without a finding", file, id, s.ID, s.AppliesTo)
				}
			}
		}
	}
	if covered == 0 {
		t.Error("cdk-nag found nothing at all, not even what is suppressed")
	}
}
