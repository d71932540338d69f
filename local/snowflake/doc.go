// Package snowflake is a local Snowflake, for the local run and for tests: a
// server that implements the protocol of the official drivers and runs this
// project's statements in DuckDB. In the local AWS it does what Snowflake does in
// AWS: it assumes the role of a storage integration, subscribes to topics, loads
// each new file once per pipe, runs tasks, and refreshes external tables.
//
// It returns an error for statements, options and functions that it does not
// support, so that a statement that succeeds here does what it does in Snowflake.
//
// Differences: names that differ only in case are the same name, as in DuckDB;
// nothing is stored after the server is closed.
package snowflake
