package assets

import (
	"fmt"
	"os"
	"path/filepath"
)

// The names of the functions: each is a package below lambdas/ of this module.
const (
	Unpack    = "unpack"
	Load      = "load"
	Discover  = "discover"
	Export    = "export"
	Snowflake = "snowflake"
)

// Folder returns the folder with the binary of a function, which is called
// "bootstrap", as Lambda's runtimes provided.* require.
func Folder(root, goarch, function string) string {
	return filepath.Join(root, goarch, function)
}

func binary(root, goarch, function string) string {
	return filepath.Join(Folder(root, goarch, function), "bootstrap")
}

// Missing reports which of the functions have no binary in root.
func Missing(root, goarch string, functions ...string) []error {
	var errs []error
	for _, function := range functions {
		if _, err := os.Stat(binary(root, goarch, function)); err != nil {
			errs = append(errs, fmt.Errorf("%w: put the binary there, or leave Assets out to have it built", err))
		}
	}
	return errs
}
