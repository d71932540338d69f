// Package handler has what the functions share: their configuration, read from
// the environment once per process (Load), the count of invocations that fail
// (Handle), the deadline of an invocation, and the renewal of its leases.
//
// # Idempotency, checkpoints, continuations, retries
//
// Lambda delivers at least once, so every function is idempotent: all keys
// and IDs are derived from the source object (package ids), objects are written
// conditionally (package s3write), and counts change in transactions (package
// ledger). A repeated or concurrent invocation changes nothing.
//
// A function that cannot finish before its timeout stops in time (NearDeadline),
// stores a checkpoint and dispatches a continuation: an asynchronous invocation
// of itself that resumes at the checkpoint, at most MaxContinuations in a row.
//
// Transient errors of single requests are retried by the SDK and by package
// retry. An invocation that still fails returns its error: Lambda retries an
// asynchronous invocation twice and then sends it to the failure queue. The retry
// resumes at the last checkpoint.
package handler
