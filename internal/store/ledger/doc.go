// Package ledger records, in the feed's own table, what happened to each upload
// and to each part: counts in, stored and quarantined, bytes, state and times.
//
// An upload's item and its parts' items share one partition key,
// <feed>#<upload>. The sort keys are "upload", "part#<entry>-<part>" and
// "replay#<number>". Only the upload's item has the keys of the sparse index,
// with which one Query lists the uploads of a feed, in order of their source
// object's time.
//
// Every change is idempotent: repeating it either has no effect, because its
// condition no longer holds, or it is part of the transaction that also changes
// the state which its condition names. So the counts stay right whatever is
// retried.
package ledger
