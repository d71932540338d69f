// Package shape applies a feed's Shape to records: it renames, moves, converts and
// filters fields as the operations of feed.Shape say.
//
// A record is divided into its members in one pass over its bytes, nested objects only
// where an operation names one of their fields. What no operation changes is copied
// verbatim, so numbers keep all their digits and strings their escapes. Only programs of
// jq decode the whole record.
//
// The result depends on the record, the shape, the key of hashes and the origin only, so
// repeated work has the same result. A Shaper is used by one goroutine at a time.
package shape
