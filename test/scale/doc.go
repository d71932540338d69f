// Package scale runs the binaries of the functions unpack and load, as they are deployed,
// with more load than one feed has: many parts, feeds and files, a throttled table, and
// functions that are killed with SIGKILL at every request and at random ones. S3,
// DynamoDB and Lambda are in the test's process.
package scale
