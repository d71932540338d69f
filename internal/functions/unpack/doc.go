// Package unpack is the unpack function: it reads a source object, decompresses
// it, splits its entries into records, writes the records to parts in the landing
// bucket, and lets each part wait for load. Records that cannot be read are
// quarantined with the reason.
//
// It is idempotent. The keys of parts are derived from the upload, entry and part
// number, and written conditionally; the ledger's upload says which version of which
// object is unpacked, so a duplicate event finds it done. A part is written to the
// ledger before it is dispatched, so one that was never loaded is found.
//
// Near the deadline, at the end of a part, unpack stores a checkpoint (entry,
// record, part) in the ledger's upload and dispatches a continuation, which reads
// the object again from the beginning of that entry and skips what is done. An
// invocation that fails is retried by Lambda in the same way.
//
// It also replays quarantined records (replay.go), at the request of an operator.
package unpack
