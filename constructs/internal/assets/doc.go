// Package assets finds or builds the binaries of the Lambda functions.
//
// Binaries that the caller has built are taken as they are ([Missing] reports
// those that do not exist). Otherwise [Build] compiles the function packages of
// this module with the go command, in the module of the calling app, so that the
// app's go.mod decides on the versions. It works the same when this module is in
// the read-only module cache.
//
// The binaries are cached under a hash of everything that they are compiled
// from: a stale binary cannot be deployed. The cache is in the user's cache
// directory, not in the app's: it needs no entry in .gitignore, the CDK does not
// pick it up as part of another asset, and several checkouts share it.
package assets
