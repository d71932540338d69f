package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
)

// clearScreen clears a terminal and moves the cursor to its upper left corner.
const clearScreen = "\x1b[H\x1b[2J"

// view is what ingest status prints: the uploads of a feed, or one upload.
type view struct {
	c      *command
	cmd    *cobra.Command
	feed   *operator.Deployment
	filter overview.Filter
	upload *ledger.Upload    // nil for all
	shown  []overview.Upload // by the last call of show
}

// once prints the view. It returns an error if an upload is rejected or an event of the
// upload, or of any upload of the feed, has failed.
func (v *view) once() error {
	if err := v.show(""); err != nil {
		return err
	}
	rejected := 0
	for _, u := range v.shown {
		if u.State == overview.Rejected {
			rejected++
		}
	}
	var err error
	if rejected > 0 {
		quarantine := "ingest quarantine " + v.feed.Name
		if v.upload != nil {
			quarantine += " --upload " + v.upload.ID
		}
		err = badData("%s rejected: `%s` prints the records with their reasons", amount(int64(rejected), "upload"), quarantine)
	}
	return errors.Join(err, v.failedEvents())
}

// show prints the view once, after a text.
func (v *view) show(before string) error {
	if v.upload == nil {
		uploads, err := v.uploads()
		v.shown = uploads
		if err == nil {
			_, err = io.WriteString(v.cmd.OutOrStdout(), before)
		}
		if err != nil {
			return err
		}
		return v.c.print(v.cmd, uploads, func(t *table) error { return uploadList(t, v.feed.Name, uploads) })
	}
	d, err := v.detail()
	v.shown = []overview.Upload{d.Upload}
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

// printed returns the uploads of the view.
func (v *view) printed() ([]overview.Upload, error) {
	if v.upload == nil {
		return v.uploads()
	}
	d, err := v.detail()
	return []overview.Upload{d.Upload}, err
}

// detail reads the current state of the upload.
func (v *view) detail() (overview.Detail, error) {
	u, ok, err := v.feed.Ledger.GetUpload(v.cmd.Context(), v.feed.Name, v.upload.ID)
	if err == nil && !ok {
		err = fmt.Errorf("upload %s is no longer in the ledger", v.upload.ID)
	}
	if err != nil {
		return overview.Detail{}, err
	}
	return overview.ReadUpload(v.cmd.Context(), v.feed.Ledger, u, locations(v.feed))
}

// watch prints the view at every tick until the command is interrupted, which is not
// an error.
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

// changes prints a line for each upload that has changed since the last call, oldest
// first.
func (v *view) changes(out io.Writer, seen map[string]string) error {
	uploads, err := v.printed()
	if err != nil {
		return err
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
		u.Upload, u.Key, u.State, humanize.Comma(u.Records), humanize.Comma(u.Stored), humanize.Comma(u.Quarantined), u.PartsLoaded, u.Parts)
	if u.Message != "" {
		s += ": " + u.Message
	}
	return printable(s), nil
}
