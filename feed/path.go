package feed

import (
	"fmt"
	"slices"
	"strings"
)

// SplitPath returns the object keys of a path: "customer.id" names the member "id" of the
// member "customer". A dot or a backslash that belongs to a key has a backslash before it
// ("price\.net"). Paths do not enter arrays.
func SplitPath(path string) ([]string, error) {
	var keys []string
	var key strings.Builder
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && i+1 < len(path) && (path[i+1] == '.' || path[i+1] == '\\'):
			i++
			key.WriteByte(path[i])
		case c == '\\':
			return nil, fmt.Errorf("path %q has a backslash that is before neither a dot nor a backslash", path)
		case c == '.':
			keys = append(keys, key.String())
			key.Reset()
		default:
			key.WriteByte(c)
		}
	}
	keys = append(keys, key.String())
	if slices.Contains(keys, "") {
		return nil, fmt.Errorf("path %q has an empty key: write object keys separated by dots, such as \"customer.name\"", path)
	}
	return keys, nil
}
