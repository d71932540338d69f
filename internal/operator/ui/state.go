// Package ui serves the local web page of `ingest ui`, which shows the feeds of an
// account and region and updates itself. The page is read only and is served on the
// loopback interface only.
package ui

import (
	"context"
	"errors"
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
	// Feeds are in the order of the page: those that need attention first.
	Feeds []Feed `json:"feeds"`
	// Error is why part of the state could not be read; empty if all could.
	Error string `json:"error,omitempty"`
}

// Feed is one feed as the page shows it.
type Feed struct {
	overview.Feed
	// FiguresOf is when the numbers of a feed that cannot be read were read; nil for any
	// other feed, and for one that was never read.
	FiguresOf *time.Time `json:"figures_of,omitempty"`
	// Sources are the URIs of the buckets and prefixes that the files are read from, if
	// they are known.
	Sources []string `json:"sources"`
	// Advice describes what is wrong with a feed that needs attention, Commands find the
	// cause and fix it. Both are empty for any other feed.
	Advice   string   `json:"advice,omitempty"`
	Commands []string `json:"commands,omitempty"`
	// Problems are the failed events and rejected files, the newest first: at most
	// maxProblems. MoreProblems is the number of others.
	Problems     []Problem `json:"problems"`
	MoreProblems int64     `json:"more_problems"`
	// Recent are the newest uploads, Reasons count the records in quarantine.
	Recent  []overview.Upload `json:"recent"`
	Reasons []overview.Reason `json:"reasons"`
	// Hours are the last shownHours hours, oldest first.
	Hours []Hour `json:"hours"`
	// Snowflake is nil for a feed without a table there.
	Snowflake *Rows `json:"snowflake"`
}

// Problem is a failed event or a rejected file.
type Problem struct {
	Time time.Time `json:"time"`
	// File is the URI of the source object, or, if that is not known, what the event
	// concerns. Upload is its ID, empty if the ledger has no such upload.
	File   string `json:"file"`
	Upload string `json:"upload,omitempty"`
	// Function is the function that failed; empty for a rejected file.
	Function string `json:"function,omitempty"`
	Error    string `json:"error"`
	// Command prints the details.
	Command string `json:"command"`
}

// Hour counts the uploads whose loading ended within an hour.
type Hour struct {
	Start time.Time `json:"start"`
	// Stored and Quarantined are numbers of records, Bytes is the size of the files.
	Stored      int64 `json:"stored"`
	Quarantined int64 `json:"quarantined"`
	Bytes       int64 `json:"bytes"`
}

// Rows is the number of rows of a feed in Snowflake.
type Rows struct {
	Table string `json:"table"`
	// Rows is nil while the number is unknown; Error has the reason, and is empty if
	// the first query has not ended yet.
	Rows  *int64 `json:"rows"`
	Error string `json:"error,omitempty"`
}

// UploadView is one upload with its parts, its quarantine and its first records.
type UploadView struct {
	Feed  string `json:"feed"`
	Stack string `json:"stack"`
	overview.Detail
	// EntryList are the first entries that have a stored record.
	EntryList []Entry `json:"entry_list"`
	// Quarantine are the first records in quarantine, MoreQuarantine reports whether
	// there are others.
	Quarantine     []QuarantinedRecord `json:"quarantine"`
	MoreQuarantine bool                `json:"more_quarantine"`
	// RecordList are the first stored records.
	RecordList []Record `json:"record_list"`
	// Commands print all of it.
	Commands []string `json:"commands"`
	// Error is why some of it could not be read.
	Error string `json:"error,omitempty"`
}

// Entry is a file of an archive, or the file itself.
type Entry struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
}

// QuarantinedRecord is a record in quarantine. Raw is the beginning of its bytes.
type QuarantinedRecord struct {
	Entry   string `json:"entry"`
	Ordinal int64  `json:"ordinal"`
	Offset  int64  `json:"offset"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail"`
	Raw     string `json:"raw"`
}

// Record is a stored record. Data is JSON as text, because a JavaScript number does
// not hold all digits of a number in the table.
type Record struct {
	ID      string `json:"id"`
	Entry   string `json:"entry"`
	Ordinal int64  `json:"ordinal"`
	Data    string `json:"data"`
	// Key has the values of the record's key, nil for a record without one.
	Key []string `json:"key,omitempty"`
}

// VersionsView has the newest records with one key, of a feed or of all that share the key.
type VersionsView struct {
	Feed  string `json:"feed"`
	Stack string `json:"stack"`
	// Fields are the fields of the key, Key their values.
	Fields []string  `json:"fields"`
	Key    []string  `json:"key"`
	List   []Version `json:"version_list"`
	// More reports whether there are older ones.
	More     bool     `json:"more"`
	Commands []string `json:"commands"`
}

// Version is one of the records with a key.
type Version struct {
	Record
	Feed   string `json:"feed"`
	Source string `json:"source"`
	Upload string `json:"upload"`
}

// ErrNotFound is for an upload or a feed that does not exist.
var ErrNotFound = errors.New("not found")

// Source reads what the page shows. Read is called by one goroutine at a time, Upload
// and Versions by several. An error of Read is part of the state: the page shows what could be read.
type Source interface {
	Read(ctx context.Context) State
	// Upload reads an upload by its ID. feed is the unambiguous name of a feed:
	// Stack/feed. The error wraps ErrNotFound if there is no such upload.
	Upload(ctx context.Context, feed, id string) (UploadView, error)
	// Versions reads the newest records with the values of a key. The error wraps
	// ErrNotFound if there is no such feed, or if it has no key.
	Versions(ctx context.Context, feed string, key []string) (VersionsView, error)
}
