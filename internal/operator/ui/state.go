// Package ui serves one page on loopback that shows the feeds of an account as
// they are, live. It changes nothing.
package ui

import (
	"context"
	"time"

	"example.com/ingestion/internal/operator/overview"
)

// State is what the page shows.
type State struct {
	// Account says in words which account and region.
	Account string `json:"account"`
	// At is when it was looked at.
	At    time.Time `json:"at"`
	Feeds []Feed    `json:"feeds"`
	// Error says what could not be looked at; empty if all could.
	Error string `json:"error,omitempty"`
}

// Feed is one feed as the page shows it.
type Feed struct {
	overview.Feed
	// Advice says what to do about it; empty where nothing is to be done.
	Advice string `json:"advice,omitempty"`
	// Recent are the newest uploads, Reasons why records are in quarantine.
	Recent  []overview.Upload `json:"recent"`
	Reasons []overview.Reason `json:"reasons"`
	// Snowflake is nil for a feed that has nothing there.
	Snowflake *Rows `json:"snowflake"`
}

// Rows is what a feed has in Snowflake.
type Rows struct {
	Table string `json:"table"`
	// Rows is nil while it is not known; Error says why.
	Rows  *int64 `json:"rows"`
	Error string `json:"error,omitempty"`
}

// Source is where the page's state comes from. Look is called by one goroutine
// at a time. What cannot be looked at is in State.Error, not a reason to show
// nothing.
type Source interface {
	Look(ctx context.Context) State
}
