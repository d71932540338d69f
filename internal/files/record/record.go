package record

import (
	"errors"
	"fmt"
	"io"

	"example.com/ingestion/feed"
)

// Reasons of a Rejection. A DamageError may have others. They are stored in
// quarantine and must not change.
const (
	// InvalidJSON violates RFC 8259, or has more than 10,000 levels of nesting.
	InvalidJSON = "invalid_json"
	// InvalidUTF8 is a byte that is not UTF-8, or half of a surrogate pair.
	InvalidUTF8 = "invalid_utf8"
	// DuplicateKey is an object with a duplicate key.
	DuplicateKey = "duplicate_key"
	// TooManyFields is a row with more fields than the header, or a line of fixed width
	// with more characters than its columns.
	TooManyFields = "too_many_fields"
	// TooFewFields is a row with fewer fields than the header, or a line of fixed width
	// that ends before its last column.
	TooFewFields = "too_few_fields"
	// InvalidQuote is a quoted field with characters between its closing quote and the delimiter.
	InvalidQuote = "invalid_quote"
	// SuspiciousQuote is a row with line breaks in a quoted field that is probably
	// several rows, see feed.Quotes.
	SuspiciousQuote = "suspicious_quote"
	// TooLarge is a record above Limits.MaxRecordBytes.
	TooLarge = "record_too_large"
	// Truncated is an entry that ends in the middle of a record.
	Truncated = "truncated"
	// Corrupt is compressed data that cannot be decompressed, reported by a reader.
	Corrupt = "corrupt"
	// NotJSON is an entry that does not begin with JSON.
	NotJSON = "not_json"
	// NotDelimitedText is an entry whose header row contains binary data or, in a feed
	// without declared columns, begins like another format.
	NotDelimitedText = "not_delimited_text"
	// HeaderMismatch is a header row other than Format.Columns, or another one in the
	// middle of an entry.
	HeaderMismatch = "header_mismatch"
	// SuspiciousHeader is a header row that is probably none or has another delimiter,
	// in a feed without declared columns.
	SuspiciousHeader = "suspicious_header"
	// TooManyColumns is a header row with more columns than Limits.MaxColumns.
	TooManyColumns = "limit_columns"
	// TooManyRecords is a source object with more records than Limits.MaxRecordsPerByte
	// allows, see LimitRecords.
	TooManyRecords = "limit_records"
	// NotParquet is an entry that is not Parquet, in a feed of it, or is encrypted.
	NotParquet = "not_parquet"
	// LimitFooter is Parquet whose metadata are too large for the memory.
	LimitFooter = "limit_parquet_metadata"
	// LimitPages is Parquet whose open pages are too large for the memory.
	LimitPages = "limit_parquet_pages"
	// LimitNestedParquet is Parquet inside an archive that is too large to copy to a file.
	LimitNestedParquet = "limit_nested_parquet"
	// PathNotFound is a document without a value at Format.Path.
	PathNotFound = "path_not_found"
)

// Sink receives the records and rejections of an entry in order. Split returns an
// error of a Sink at once, unchanged, except those of Refuse and LimitRecords.
type Sink interface {
	// Record receives one record's payload: valid, compact JSON (no whitespace
	// outside strings, so it is one line), with strings and numbers verbatim as in
	// the source. data is valid only during the call.
	Record(ordinal int64, data []byte) error
	// Reject receives what could not be decoded.
	Reject(r Rejection) error
}

// Refuse returns an error with which a Sink refuses one record: it is rejected with that
// reason, the position and detail, and its original bytes.
func Refuse(reason, detail string) error { return &refusal{reason, detail} }

// Refused returns the reason and the detail of an error of Refuse.
func Refused(err error) (reason, detail string, ok bool) {
	var one *refusal
	if !errors.As(err, &one) {
		return "", "", false
	}
	return one.reason, one.detail, true
}

type refusal struct{ reason, detail string }

func (e *refusal) Error() string { return e.reason + ": " + e.detail }

// LimitRecords returns an error with which a Sink refuses a record because the source
// object has more than limit records: it and the remainder of the entry are rejected.
func LimitRecords(limit int64) error { return &limitError{limit} }

type limitError struct{ limit int64 }

func (e *limitError) Error() string {
	return fmt.Sprintf("the object has more than %d records, which is unusual for its size: if it is right, raise the limit MaxRecordsPerByte, or send it uncompressed", e.limit)
}

// MaxRaw is the largest number of bytes of a rejected record in a Rejection.
const MaxRaw = 1 << 20

// Rejection is a record, or the rest of an entry, that could not be decoded.
type Rejection struct {
	// Ordinal is the position in the entry, from 0, over good and bad records alike.
	Ordinal int64
	// Offset is the byte of the decompressed entry at which the record starts.
	Offset int64
	// Reason is one of the constants above, or that of a DamageError.
	Reason string
	// Detail describes for people what is wrong, where, and what was expected.
	Detail string
	// Raw contains the original bytes, up to MaxRaw, valid only during the call. For
	// an entry in another encoding it is the text in UTF-8.
	Raw []byte
	// RawCut means that Raw is only the beginning.
	RawCut bool
	// Rest means that nothing after the start of this record could be decoded.
	Rest bool
}

// Result counts the content of an entry.
type Result struct {
	// Records is how many went to Sink.Record.
	Records int64
	// Rejected is how many went to Sink.Reject.
	Rejected int64
	// Bytes is how many bytes were read: the whole entry, unless a Rejection had Rest.
	Bytes int64
}

// DamageError is a permanent error of a reader, such as a wrong checksum. Any other
// error of a reader is transient.
type DamageError interface {
	error
	// Damage is the reason for the Rejection, such as Corrupt or Truncated.
	Damage() string
}

// Split reads one entry in format f from r, and passes its records to sink. A limit
// of zero means its default. An empty entry has no records; the header of delimited
// text is not a record.
//
// If r fails with a DamageError, the records before it have been passed to sink, the
// incomplete one is rejected with that error's reason and Rest, and Split returns no
// error. Split returns any other error of r at once, without a rejection: the caller
// retries the entry.
func Split(r io.Reader, f feed.Format, lim feed.Limits, sink Sink) (Result, error) {
	return split(r, f, lim, sink, startBytes)
}

// split is Split with a buffer of size bytes initially.
func split(r io.Reader, f feed.Format, lim feed.Limits, sink Sink, size int) (Result, error) {
	if f.Kind == feed.Parquet {
		return splitParquet(r, f, lim, sink)
	}
	s, err := newSplitter(r, f, lim, sink, size)
	if err == nil {
		switch f.Kind {
		case feed.JSON:
			err = s.documents(f.Path)
		case feed.NDJSON:
			err = s.lines()
		case feed.CSV:
			err = s.delimited(f)
		case feed.FixedWidth:
			err = s.fixedWidth(f)
		default:
			err = fmt.Errorf("split entry: format %q is not one of %q", f.Kind, feed.FormatKinds)
		}
	}
	if errors.Is(err, errRest) {
		err = nil
	}
	return s.result, err
}
