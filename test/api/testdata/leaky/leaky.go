// Package leaky exports types of an internal package in every place that a
// signature has.
package leaky

import "example.com/ingestion/test/api/testdata/leaky/internal/secret"

type Alias = secret.Type

type Embeds struct{ secret.Type }

type Plain struct {
	Field  *secret.Type
	hidden secret.Type
}

func (Plain) Method() secret.Type { return secret.Type{} }

func (Plain) hiddenMethod(secret.Type) {}

func Func(map[string]secret.Type) {}

type Generic []func() Box[secret.Type]

type Box[T any] struct{ Value T }

type Interface interface {
	Method(secret.Type)
	hidden(secret.Type)
}

type Slice []secret.Type

var Variable chan secret.Type
