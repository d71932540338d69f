// Package sqlparser parses the statements of Snowflake that this project runs.
// The local Snowflake executes what it reads, and the tests of package
// snowflake check every generated statement with it.
//
// Check validates CREATE, ALTER and COPY INTO against tables of the options
// that Snowflake's documentation lists for each kind of object, so that a
// misspelled option is an error here as it is in Snowflake. Queries are not
// parsed: the local Snowflake translates their tokens.
package sqlparser
