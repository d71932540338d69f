package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
)

// clearScreen empties a terminal and goes to its upper left corner.
const clearScreen = "\x1b[H\x1b[2J"

// view is what ingest status shows: a feed's uploads, or one upload.
type view struct {
	c      *command
	cmd    *cobra.Command
	feed   *operator.Live
	filter overview.Filter
	upload *ledger.Upload // nil for all
}

// show prints it once, after what is to come before it.
func (v *view) show(before string) error {
	if v.upload == nil {
		uploads, err := v.uploads()
		if err == nil {
			_, err = io.WriteString(v.cmd.OutOrStdout(), before)
		}
		if err != nil {
			return err
		}
		return v.c.print(v.cmd, uploads, func(t *table) error { return uploadList(t, v.feed.Name, uploads) })
	}
	d, err := v.detail()
	if err == nil {
		_, err = io.WriteString(v.cmd.OutOrStdout(), before)
	}
	if err != nil {
		return err
	}
	return v.c.print(v.cmd, d, func(t *table) error { return uploadDetail(t, d) })
}

func (v *view) uploads() ([]overview.Upload, error) {
	return overview.Uploads(v.cmd.Context(), v.feed.Ledger, v.feed.Name, v.filter)
}

// detail is the upload as it is now.
func (v *view) detail() (overview.Detail, error) {
	u, ok, err := v.feed.Ledger.GetUpload(v.cmd.Context(), v.feed.Name, v.upload.ID)
	if err == nil && !ok {
		err = fmt.Errorf("upload %s is not in the ledger any more", v.upload.ID)
	}
	if err != nil {
		return overview.Detail{}, err
	}
	return overview.One(v.cmd.Context(), v.feed.Ledger, u, places(v.feed))
}

// watch shows it at every tick until the command is interrupted, which is how a
// watch ends well.
func (v *view) watch(ticks <-chan time.Time) error {
	ctx, out := v.cmd.Context(), v.cmd.OutOrStdout()
	_, onTerminal := terminal(out)
	seen := map[string]string{}
	for {
		var err error
		if onTerminal && v.c.output == outputTable {
			err = v.show(clearScreen)
		} else {
			err = v.changes(out, seen)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
	}
}

// changes prints a line for each upload that is not as it was when it was last
// seen, oldest first.
func (v *view) changes(out io.Writer, seen map[string]string) error {
	var uploads []overview.Upload
	if v.upload == nil {
		all, err := v.uploads()
		if err != nil {
			return err
		}
		uploads = all
	} else {
		d, err := v.detail()
		if err != nil {
			return err
		}
		uploads = []overview.Upload{d.Upload}
	}
	for _, u := range slices.Backward(uploads) {
		line, err := v.changed(u)
		if err != nil {
			return err
		}
		if seen[u.Upload] == line {
			continue
		}
		seen[u.Upload] = line
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

func (v *view) changed(u overview.Upload) (string, error) {
	if v.c.output == outputJSON {
		line, err := json.Marshal(u)
		return string(line), err
	}
	s := fmt.Sprintf("%s  %s  %s  %s records, %s stored, %s quarantined, %d of %d parts loaded",
		u.Upload, u.Key, u.State, grouped(u.Records), grouped(u.Stored), grouped(u.Quarantined), u.PartsLoaded, u.Parts)
	if u.Message != "" {
		s += ": " + u.Message
	}
	return shown(s), nil
}
