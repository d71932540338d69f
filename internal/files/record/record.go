// Package record splits the decompressed bytes of one entry into records.
//
// It reads in one pass through one reused buffer, validates as it goes and
// hands over every record as one line of JSON. What cannot be decoded is
// rejected with the place of the fault and the bytes themselves; the rest of
// the entry goes on wherever the next record can be found.
//
// A record is never altered: strings and numbers stay as they are in the
// source (numbers of any length), only whitespace outside strings goes. What
// two readers could understand differently is therefore not a record: the
// rules are RFC 8259's grammar and, beyond it, valid UTF-8, no half of a
// surrogate pair, no key twice in one object (compared after decoding escapes)
// and at most 10,000 levels of nesting. One value at a time, that is to the
// letter what Go's jsontext takes by default.
package record

import (
	"errors"
	"fmt"
	"io"

	"example.com/ingestion/feed"
)

// Reasons of a Rejection. A DamageError may bring others.
const (
	// InvalidJSON is a fault against RFC 8259, or nesting beyond 10,000 levels.
	InvalidJSON = "invalid_json"
	// InvalidUTF8 is a byte that is not UTF-8, or half of a surrogate pair.
	InvalidUTF8 = "invalid_utf8"
	// DuplicateKey is a key that is in one object twice.
	DuplicateKey = "duplicate_key"
	// TooManyFields is a row with more fields than the header.
	TooManyFields = "too_many_fields"
	// TooFewFields is a row with fewer fields than the header.
	TooFewFields = "too_few_fields"
	// InvalidQuote is a quoted field with something between its closing quote and the delimiter.
	InvalidQuote = "invalid_quote"
	// TooLarge is a record above Limits.MaxRecordBytes.
	TooLarge = "record_too_large"
	// Truncated is an entry that ends in the middle of a record.
	Truncated = "truncated"
	// Corrupt is for readers: compressed data that does not decode.
	Corrupt = "corrupt"
	// NotJSON is an entry that does not begin as JSON does.
	NotJSON = "not_json"
	// NotDelimitedText is an entry whose header row is binary.
	NotDelimitedText = "not_delimited_text"
	// HeaderMismatch is a header row other than Format.Columns.
	HeaderMismatch = "header_mismatch"
	// PathNotFound is a document without a value at Format.Path.
	PathNotFound = "path_not_found"
)

// Sink takes what Split finds, in the order of the entry. An error of a Sink
// ends Split at once, which returns it as it is.
type Sink interface {
	// Record receives one record's payload: valid, compact JSON (no whitespace
	// outside strings, so it is one line), strings and numbers verbatim as in
	// the source. data is valid only during the call.
	Record(ordinal int64, data []byte) error
	// Reject receives what could not be decoded.
	Reject(r Rejection) error
}

// MaxRaw is how many bytes of a rejected record a Rejection carries.
const MaxRaw = 1 << 20

// Rejection is something that could not be decoded.
type Rejection struct {
	// Ordinal is the position in the entry, from 0, over good and bad records alike.
	Ordinal int64
	// Offset is the byte of the decompressed entry at which the record starts.
	Offset int64
	// Reason is one of the constants above, or what a DamageError says.
	Reason string
	// Detail is a sentence for people: what is wrong, where, what was expected.
	Detail string
	// Raw is the record as it came, up to MaxRaw bytes, valid only during the
	// call. Of an entry in another encoding it is the text in UTF-8.
	Raw []byte
	// RawCut tells that Raw is only the beginning.
	RawCut bool
	// Rest tells that nothing after the start of this record could be decoded.
	Rest bool
}

// Result counts what an entry held.
type Result struct {
	// Records is how many went to Sink.Record.
	Records int64
	// Rejected is how many went to Sink.Reject.
	Rejected int64
	// Bytes is how many were read: all of the entry, unless a Rejection said Rest.
	Bytes int64
}

// DamageError is an error of a reader that no retry will heal, such as a
// checksum that is wrong. Any other error of a reader is passing.
type DamageError interface {
	error
	// Damage is the reason for the Rejection, such as Corrupt or Truncated.
	Damage() string
}

// Split reads one entry from r, in format f, and gives its records to sink.
// A limit of zero means its default. An empty entry has no records; of
// delimited text the header is not one.
//
// When r fails with a DamageError, the records before it have been delivered,
// what was begun is rejected with that error's reason and Rest, and Split
// returns no error. Any other error of r is returned at once, with nothing
// rejected: the caller retries the entry.
func Split(r io.Reader, f feed.Format, lim feed.Limits, sink Sink) (Result, error) {
	return split(r, f, lim, sink, startBytes)
}

// split is Split with a buffer that has size bytes to begin with.
func split(r io.Reader, f feed.Format, lim feed.Limits, sink Sink, size int) (Result, error) {
	s, err := newSplitter(r, f.Encoding, lim, sink, size)
	if err == nil {
		switch f.Kind {
		case feed.JSON:
			err = s.documents(f.Path)
		case feed.NDJSON:
			err = s.lines()
		case feed.CSV:
			err = s.delimited(f)
		default:
			err = fmt.Errorf("split entry: format %q is none of %q, %q, %q", f.Kind, feed.JSON, feed.NDJSON, feed.CSV)
		}
	}
	if errors.Is(err, errRest) {
		err = nil
	}
	return s.result, err
}
