// Package client connects to a Snowflake account with the official driver,
// gosnowflake. A Client is one session, which runs one statement at a time.
//
// Errors are of type *Error: they have a class for errors.Is, such as
// ErrPrivilege, and a remedy, such as the GRANT to run.
package client
