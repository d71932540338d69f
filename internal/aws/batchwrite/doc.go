// Package batchwrite writes records to DynamoDB with BatchWriteItem, fast.
//
// [Attributes] and [Value] transcode JSON to the wire form of DynamoDB's
// attributes in one pass, without an intermediate value. A [Writer] collects
// such items into requests, sends many at a time over its own pool of
// connections, adapts their number to what the table accepts, and retries until
// every item is stored or rejected. The SDK's client costs ten times the CPU
// time for the same, mostly for allocations, and a general HTTP client a tenth
// more: docs/performance.md.
//
// Limits: one table per Writer, items of at most 400 KB, and a type of
// attribute for each type of JSON value (no sets, no binary).
package batchwrite
