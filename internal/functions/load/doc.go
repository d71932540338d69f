// Package load is the load function: it writes the records of parts to the table.
//
// Parts wait in the table (ledger.Work). An invocation is a loader: it takes one of the
// table's slots, which bound how many run at a time for all feeds together, and then one
// part after the other, the feeds in turn, until none is left. However much arrives, no
// event has to wait for a loader, and nothing runs while nothing waits.
//
// A loader is idempotent and may be killed at any time: an item's keys are derived
// from the record's origin, so loading a part again writes the same items, and the
// ledger counts a part once. Records that cannot be an item of DynamoDB are
// quarantined. Near its deadline, also while the table throttles it, a loader stores
// how far it has come and invokes the next one. A part that fails is tried again after
// a wait that starts at seconds, and set aside after the last attempt.
package load
