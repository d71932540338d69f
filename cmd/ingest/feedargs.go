package main

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
)

// open opens the feed with a name.
func (c *command) open(cmd *cobra.Command, name string) (*operator.Deployment, error) {
	account, err := c.account(cmd)
	if err != nil {
		return nil, err
	}
	return operator.Open(cmd.Context(), account, name)
}

// findUpload finds the upload that a flag names; nil if the flag is empty.
func findUpload(cmd *cobra.Command, d *operator.Deployment, name string) (*ledger.Upload, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // nil means all uploads
	}
	u, err := overview.FindUpload(cmd.Context(), d.Ledger, d.Name, name)
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// feedAndUpload requires a feed and allows an upload after it.
func feedAndUpload(cmd *cobra.Command, args []string) error {
	if len(args) < 1 || len(args) > 2 || slices.Contains(args, "") {
		return fmt.Errorf("%s takes a feed and at most one upload, such as: %s orders", cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}

// usage makes err, if any, a usage error, with exit code 2. It is for invalid flags
// that a verb finds before it does anything.
func (c *command) usage(err error) error {
	if err != nil {
		c.parsed = false
	}
	return err
}

var days = regexp.MustCompile(`^([0-9]+)d$`)

// parseSince parses the value of --since: a date, a time, or a duration before now.
// The empty text is the zero time.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if m := days.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		if err == nil {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since %q: it is a date (2026-03-01), a time (2026-03-01T12:00:00Z), or a duration before now (90m, 24h, 7d)", s)
}

// sortedReasons returns the reasons, the most frequent first.
func sortedReasons(reasons map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), strings.Compare(a, b))
	})
}

// completions is the maximum number of uploads that are completed.
const completions = 50

// completeUpload completes a feed and, after it, its newest uploads.
func (c *command) completeUpload(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return c.completeFeed(cmd, args, prefix)
	}
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.newestUploads(cmd, args[0], prefix)
}

// completeUploadFlag completes --upload, once the feed is given.
func (c *command) completeUploadFlag(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.newestUploads(cmd, args[0], prefix)
}

func (c *command) newestUploads(cmd *cobra.Command, feedName, prefix string) ([]string, cobra.ShellCompDirective) {
	d, err := c.open(cmd, feedName)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var found []string
	read := 0
	err = d.Ledger.Uploads(cmd.Context(), d.Name, func(u ledger.Upload) bool {
		read++
		switch {
		case strings.HasPrefix(u.ID, prefix):
			found = append(found, u.ID+"\t"+printable(u.Key))
		case strings.HasPrefix(u.Key, prefix):
			found = append(found, printable(u.Key)+"\t"+moment(u.Time))
		}
		return len(found) < completions && read < 20*completions
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
