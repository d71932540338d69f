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

// open opens the feed of a name, with all that belongs to it.
func (c *command) open(cmd *cobra.Command, name string) (*operator.Live, error) {
	account, err := c.connect(cmd.Context(), c.profile, c.region)
	if err != nil {
		return nil, err
	}
	return operator.Open(cmd.Context(), account, name)
}

// findUpload finds the upload that a flag names, nil for an empty one.
func findUpload(cmd *cobra.Command, l *operator.Live, name string) (*ledger.Upload, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // no upload is asked for
	}
	u, err := overview.FindUpload(cmd.Context(), l.Ledger, l.Name, name)
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// feedAndUpload are the arguments of verbs that can be narrowed to one upload.
func feedAndUpload(cmd *cobra.Command, args []string) error {
	if len(args) < 1 || len(args) > 2 || slices.Contains(args, "") {
		return fmt.Errorf("%s takes a feed and at most one upload, such as: %s orders", cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}

// usage makes err, if any, one of usage: exit code 2. It is for what a verb
// finds wrong with its flags before it does anything.
func (c *command) usage(err error) error {
	if err != nil {
		c.understood = false
	}
	return err
}

var days = regexp.MustCompile(`^([0-9]+)d$`)

// parseSince reads a flag that says from when on: a date, a time, or how long
// before now. Empty is the zero time.
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
	return time.Time{}, fmt.Errorf("--since %q: it is a date (2026-03-01), a time (2026-03-01T12:00:00Z), or how long ago (90m, 24h, 7d)", s)
}

// sortedReasons are the reasons, the most frequent first.
func sortedReasons(reasons map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), strings.Compare(a, b))
	})
}

// completions bounds the uploads that the shell offers.
const completions = 50

// completeUpload completes a feed, and then the newest uploads of it.
func (c *command) completeUpload(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return c.completeFeed(cmd, args, begun)
	}
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.newestUploads(cmd, args[0], begun)
}

// completeUploadFlag completes --upload, once the feed is given.
func (c *command) completeUploadFlag(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.newestUploads(cmd, args[0], begun)
}

func (c *command) newestUploads(cmd *cobra.Command, feedName, begun string) ([]string, cobra.ShellCompDirective) {
	l, err := c.open(cmd, feedName)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var offers []string
	looked := 0
	err = l.Ledger.Uploads(cmd.Context(), l.Name, func(u ledger.Upload) bool {
		looked++
		switch {
		case strings.HasPrefix(u.ID, begun):
			offers = append(offers, u.ID+"\t"+shown(u.Key))
		case strings.HasPrefix(u.Key, begun):
			offers = append(offers, shown(u.Key)+"\t"+moment(u.Time))
		}
		return len(offers) < completions && looked < 20*completions
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}
