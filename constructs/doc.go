// Package constructs builds ingestion feeds with the AWS CDK: one
// IngestionPipeline per feed, and the Store that its records end in.
//
// Props are plain Go values. Everything wrong with them comes back as one
// error, before anything is made of them: jsii, the bridge to the CDK, panics
// where Go returns an error.
package constructs
