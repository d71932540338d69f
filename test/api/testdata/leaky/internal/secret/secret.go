// Package secret is an internal package.
package secret

// Type is a type that no API may have.
type Type struct{}
