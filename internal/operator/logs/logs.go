// Package logs reads the log lines of a feed's functions: from CloudWatch Logs, or from
// the files that a local run writes.
package logs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Line is a line of a log.
type Line struct {
	Time time.Time `json:"time"`
	// Function is the role of the function in the feed: unpack, load or discover.
	Function string `json:"function"`
	Message  string `json:"message"`
}

// Function is a function whose log is read.
type Function struct {
	// Role is unpack, load or discover, Name the name in Lambda.
	Role, Name string
}

// Reader reads new lines. Each call of Read returns lines that no earlier call has
// returned.
type Reader interface {
	// Read returns the lines of a function that contain the text and are not older
	// than since.
	Read(ctx context.Context, f Function, since time.Time, text string) ([]Line, error)
}

// Query selects lines.
type Query struct {
	Functions []Function
	Since     time.Time
	// Text selects lines that contain it; empty for all.
	Text string
}

// Print calls yield for the selected lines of all functions, oldest first.
func Print(ctx context.Context, r Reader, q Query, yield func(Line) error) error {
	var lines []Line
	for _, f := range q.Functions {
		read, err := r.Read(ctx, f, q.Since, q.Text)
		if err != nil {
			return fmt.Errorf("logs of %s: %w", f.Role, err)
		}
		lines = append(lines, read...)
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Function, b.Function))
	})
	for _, line := range lines {
		if err := yield(line); err != nil {
			return err
		}
	}
	return nil
}

// Follow is Print, repeated at every tick until ctx ends, which is not an error.
func Follow(ctx context.Context, r Reader, q Query, ticks <-chan time.Time, yield func(Line) error) error {
	for {
		if err := Print(ctx, r, q, yield); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the end of ctx ends the command
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
	}
}
