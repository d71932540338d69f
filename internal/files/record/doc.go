// Package record splits the decompressed bytes of one entry into records.
//
// It reads in one pass through one reused buffer, validates the records and passes
// each to a [Sink] as one line of JSON. What cannot be decoded is rejected with the
// position of the fault and the original bytes; Split then continues where the next
// record begins, if it can be found.
//
// A record is never changed: strings and numbers are copied verbatim (numbers of
// any length), only whitespace outside strings is removed. What two readers could
// interpret differently is therefore not a record: the rules are the grammar of
// RFC 8259 and, in addition, valid UTF-8, no half of a surrogate pair, no duplicate
// key in an object (compared after decoding escapes) and at most 10,000 levels of
// nesting. For a single value, these are exactly the default rules of Go's jsontext.
//
// Parquet is read at random: by row group, or from a copy in a temporary file inside
// an archive. A record is the JSON of a row.
package record
