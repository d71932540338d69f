// Package export is the export function: it writes the changes of the table, from its
// DynamoDB stream, to the landing bucket as gzipped NDJSON objects that Snowflake loads.
//
// A change is exported at least once. Export is idempotent for a repeated batch: the
// keys are derived from the content, and an existing object is not written again. A
// batch that failed after some of its objects were written may be bisected, and its
// halves have other keys. Readers of the changes must deduplicate by sequence number.
//
// It has no checkpoint or continuation of its own: the event source mapping keeps the
// position in the stream and retries a failed batch.
package export
