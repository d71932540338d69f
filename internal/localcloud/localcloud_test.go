package localcloud_test

import (
	"testing"

	"example.com/ingestion/internal/localcloud"
)

func TestEndpoint(t *testing.T) {
	for value, local := range map[string]bool{
		"":                                 false,
		"http://localhost:4566":            true,
		"http://127.0.0.1:4566":            true,
		"http://127.8.9.10":                true,
		"http://[::1]:4566":                true,
		"https://vpce.amazonaws.com":       false,
		"http://10.0.0.1":                  false,
		"http://localhost.example.com":     false,
		"http://example.com/?x=localhost":  false,
		"http://user@example.com:80/%zz\n": false,
	} {
		got := localcloud.Endpoint(func(string) string { return value })
		if want := map[bool]string{true: value}[local]; got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}
