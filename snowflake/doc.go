// Package snowflake generates the SQL for a feed's objects in Snowflake: storage
// integration, file format, stage, table, pipe or task, stream and view.
//
// A Spec describes the objects. Spec.Plan returns them, each with the statements
// that create, alter, describe and drop it, and Script returns a SQL script to run
// by hand. The package needs neither a driver nor an AWS SDK: package client runs
// statements, and package deploy applies a Spec to an account.
package snowflake
