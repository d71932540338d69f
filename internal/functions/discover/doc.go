// Package discover is the discover function: on a schedule it lists the external
// buckets of a feed and dispatches new and changed objects to unpack.
//
// The feed's table has an item for each object that was dispatched. A scan merges
// the listing of a source with these items, which have the same order, from the
// first key to the last, and dispatches what is new or changed. Every scan lists
// everything, so an object is found whatever its key or its time is.
//
// Dispatch is at least once: an object is dispatched first and recorded as seen
// afterwards. unpack is idempotent.
//
// A scan that outlasts an invocation stores the last key as its checkpoint in the
// cursor of the source and dispatches a continuation. A lease on the cursor lets
// one invocation at a time scan a source; a failed scan is resumed by the retry of
// its payload or by the next run of the schedule.
package discover
