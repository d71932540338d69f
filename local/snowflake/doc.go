// Package snowflake is a local Snowflake: a server that speaks the protocol of
// the official drivers and runs this project's statements over DuckDB. Towards
// AWS it behaves as Snowflake does: it assumes an integration's role, subscribes
// to topics, loads each new file once per pipe, runs tasks and refreshes
// external tables. It is for the local run and for tests, and it refuses what it
// does not know: a statement that it accepts does what Snowflake would do.
//
// What differs: names that differ in case only are one name, as in DuckDB; a
// database lives as long as the server; nothing is billed.
package snowflake
