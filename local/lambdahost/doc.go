// Package lambdahost runs Lambda functions on this machine: the bootstrap of a
// function's deployment package, with the Lambda Runtime API and with the
// environment and timeout of the function's configuration. The memory limit is
// not enforced, but the peak is measured.
//
// The host invokes functions synchronously and asynchronously (with two retries
// and an on-failure destination, as Lambda does), and polls the DynamoDB
// streams of event source mappings. Everything that it needs to know, it
// reads from an AWS endpoint: that of the local AWS (package local).
//
// It runs functions of the provided runtimes that are built for the processor of
// this machine. Delays that take minutes in AWS are shorter: see Options.
package lambdahost
