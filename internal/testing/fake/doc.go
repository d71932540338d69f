// Package fake has in-memory implementations of S3, DynamoDB and
// CloudFormation for tests, with faults on request.
//
// [S3] and [CloudFormation] implement the interfaces that this project's
// packages declare of the SDK's clients; S3 is an http.Handler too. [DynamoDB] is
// one table behind DynamoDB's HTTP API, so that the SDK's client and this
// project's own batch writer are tested with what they send. All of them support
// what this project uses, and fail on anything else.
package fake
