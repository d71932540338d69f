package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"example.com/ingestion/internal/testing/fakeaccount"
)

// age matches how long something has lasted, which differs from run to run, with the
// padding of its column.
var age = regexp.MustCompile(`since \d+h\d+m\d+s *`)

// TestFaults has the outputs of the verbs for a feed with one file of each fault. Each
// state and each exit code in the golden files is what the comment of WithFaults says.
func TestFaults(t *testing.T) {
	c := account{fakeaccount.WithFaults(t)}
	for name, test := range map[string]struct {
		code int
		args []string
	}{
		"list":                  {exitFailed, []string{"list", "--since", "2026-01-01"}},
		"status":                {exitFailed, []string{"status", "returns"}},
		"status.good":           {exitOK, []string{"status", "returns", "in/good.csv"}},
		"status.empty":          {exitOK, []string{"status", "returns", "in/empty.csv"}},
		"status.partial":        {exitOK, []string{"status", "returns", "in/partial.csv"}},
		"status.rejected":       {exitFailed, []string{"status", "returns", "in/rejected.csv"}},
		"status.gone":           {exitOK, []string{"status", "returns", "in/gone.csv"}},
		"status.stuck":          {exitOK, []string{"status", "returns", "in/stuck.csv"}},
		"status.not-loaded":     {exitOK, []string{"status", "returns", "in/not-loaded.csv"}},
		"status.throttled":      {exitFailed, []string{"status", "returns", "in/throttled.csv"}},
		"status.denied":         {exitFailed, []string{"status", "returns", "in/denied.csv"}},
		"status.lost":           {exitFailed, []string{"status", "returns", "in/lost.csv"}},
		"quarantine":            {exitOK, []string{"quarantine", "returns"}},
		"records":               {exitOK, []string{"records", "returns", "--upload", "in/partial.csv"}},
		"records.rejected":      {exitOK, []string{"records", "returns", "--upload", "in/rejected.csv"}},
		"logs":                  {exitOK, []string{"logs", "returns", "in/denied.csv", "--since", "2026-01-01"}},
		"reconcile":             {exitFailed, []string{"reconcile", "returns", "--since", "2026-01-01"}},
		"reconcile.of.a.week":   {exitFailed, []string{"reconcile", "returns"}},
		"reconcile.good":        {exitOK, []string{"reconcile", "returns", "--upload", "in/good.csv"}},
		"reconcile.deleted":     {exitFailed, []string{"reconcile", "returns", "--upload", "in/deleted.csv"}},
		"list.json":             {exitFailed, []string{"list", "--since", "2026-01-01", "-o", "json"}},
		"status.json":           {exitFailed, []string{"status", "returns", "--limit", "3", "-o", "json"}},
		"reconcile.json":        {exitFailed, []string{"reconcile", "returns", "--since", "2026-01-01", "-o", "json"}},
		"replay.json":           {exitOK, []string{"replay", "returns", "--dry-run", "-o", "json"}},
		"backfill":              {exitOK, []string{"backfill", "returns", "--dry-run"}},
		"replay":                {exitOK, []string{"replay", "returns", "--dry-run"}},
		"a.feed.without.faults": {exitOK, []string{"status", "orders"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := ingest(t.Context(), c.connect, test.args...)
			if got.code != test.code {
				t.Errorf("exit code %d, want %d", got.code, test.code)
			}
			golden(t, "faults."+name, "$ ingest "+strings.Join(test.args, " ")+"\n"+age.ReplaceAllString(withoutProgress(got), "since <age> "))
		})
	}
}

// progressLine matches a line of a progress on standard error.
var progressLine = regexp.MustCompile(`(?m)^[a-z]+: [0-9,]+ (uploads?|objects?).*\n`)

// withoutProgress is both outputs and the exit code.
func withoutProgress(r result) string {
	text := r.out
	if errOut := progressLine.ReplaceAllString(r.errOut, ""); errOut != "" {
		text += "--- standard error\n" + errOut
	}
	return text + "--- exit code " + strconv.Itoa(r.code) + "\n"
}
