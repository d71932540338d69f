// Package landing writes records to the landing bucket as parts: gzipped NDJSON
// objects that never change once they are written. The same records always
// result in the same parts, byte for byte, so unpacking is idempotent.
//
// [Writer] lands the entries of an upload, [ReplayWriter] records that were in
// quarantine. [ParseLine] and [ParseOrigin] read the lines of a part.
package landing
