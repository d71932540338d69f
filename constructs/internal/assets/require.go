//go:build functions

// This file is never compiled. `go mod tidy` reads it whatever its build tag is,
// and so keeps in the go.mod and go.sum of an importing module what the functions
// are built from, although the app itself does not import it.

package assets

import (
	_ "example.com/ingestion/lambdas/discover"
	_ "example.com/ingestion/lambdas/export"
	_ "example.com/ingestion/lambdas/load"
	_ "example.com/ingestion/lambdas/snowflake"
	_ "example.com/ingestion/lambdas/unpack"
)
