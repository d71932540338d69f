// Package load is the load function: it writes the records of a part to the table.
//
// It is idempotent: an item's keys are derived from the record's origin, so
// loading a part again writes the same items, and the ledger counts a part once, in
// a transaction. Records that cannot be an item of DynamoDB are quarantined.
//
// Near the deadline it stores a checkpoint, the number of lines loaded, in the
// ledger's part and dispatches a continuation. Throttling by DynamoDB is retried by
// package batchwrite; an invocation that fails is retried by Lambda or the queue
// from the checkpoint.
package load
