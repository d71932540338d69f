// Package retry is how this project waits between two attempts: exponential
// backoff with full jitter that ends with the context. The backoff itself is
// github.com/cenkalti/backoff; what is here is the policy.
//
// # What is retried
//
// The clients of the AWS SDK already retry a failed request: three attempts, on
// throttling, server errors and broken connections. This package is for what
// they treat as final or as success, although a later attempt can succeed:
// items that DynamoDB left unprocessed, conflicting transactions and conditional
// writes, a response body that breaks off. Such an error is marked by Transient
// where it is recognized; Do returns every other error at once.
//
// A function waits out throttling: no number of throttled attempts fails an
// invocation (ledger.WaitOutThrottling, batchwrite).
//
// # How long
//
// A Policy bounds the waits and the number of attempts. All of them end earlier
// when the context ends, which in a function is two seconds before Lambda's
// timeout (handler.WithDeadline): the invocation then fails, and Lambda or the
// queue retries it from the last checkpoint.
package retry
