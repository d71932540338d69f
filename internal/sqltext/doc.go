// Package sqltext reads the parts of Snowflake's SQL that both the deployed
// code and the local Snowflake need: the tokens of a statement, the statements
// of a script, data types, and the schedules of tasks.
//
// It has no grammar of statements. That is package local/snowflake/sqlparser,
// which only tests and the local Snowflake use.
package sqltext
