// Package feed is the specification of a feed in plain Go: where its files come from
// (Source), how they are split into records (Format), what they may demand (Limits),
// and where the parts and the quarantined records are written.
//
// The construct validates a Spec at synthesis and passes it to the functions in an
// environment variable; the SQL for Snowflake is generated from it. The package has
// no dependencies outside of the standard library, so an application can validate or
// generate specs without the CDK or an AWS SDK.
//
// It also has the names that the construct and the functions share: environment
// variables, key attributes of the table, and metrics.
package feed
