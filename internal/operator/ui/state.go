// Package ui serves the local web page of `ingest ui`, which shows the feeds of an
// account and region and updates itself. The page is read only and is served on the
// loopback interface only.
package ui

import (
	"context"
	"time"

	"example.com/ingestion/internal/operator/overview"
)

// State is what the page shows.
type State struct {
	// Account describes the account and region.
	Account string `json:"account"`
	// At is when the state was read. Figures is when Feeds were read: earlier than At if
	// AWS cannot be reached.
	At      time.Time `json:"at"`
	Figures time.Time `json:"figures"`
	Feeds   []Feed    `json:"feeds"`
	// Error is why part of the state could not be read; empty if all could.
	Error string `json:"error,omitempty"`
}

// Feed is one feed as the page shows it.
type Feed struct {
	overview.Feed
	// Advice is the remedy for a feed that needs attention; empty for any other.
	Advice string `json:"advice,omitempty"`
	// Recent are the newest uploads, Reasons count the records in quarantine.
	Recent  []overview.Upload `json:"recent"`
	Reasons []overview.Reason `json:"reasons"`
	// Snowflake is nil for a feed without a table there.
	Snowflake *Rows `json:"snowflake"`
}

// Rows is the number of rows of a feed in Snowflake.
type Rows struct {
	Table string `json:"table"`
	// Rows is nil while the number is unknown; Error has the reason.
	Rows  *int64 `json:"rows"`
	Error string `json:"error,omitempty"`
}

// Source reads the state. It is called by one goroutine at a time. An error is part of
// the state: the page shows what could be read.
type Source interface {
	Read(ctx context.Context) State
}
