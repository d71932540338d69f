package app

import (
	"reflect"
	"slices"

	"github.com/agext/levenshtein"
)

// contextKeys returns the keys of the context that an environment is read from.
func contextKeys() []string {
	keys := []string{keyEnvironment, keyEnvironments}
	for field := range reflect.TypeFor[environment]().Fields() {
		if key := field.Tag.Get("json"); key != "-" && key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// nearest returns the context key with the fewest edits from an unknown one.
func nearest(key string) string {
	return slices.MinFunc(contextKeys(), func(a, b string) int {
		return levenshtein.Distance(key, a, nil) - levenshtein.Distance(key, b, nil)
	})
}
