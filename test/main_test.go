// Package test holds the tests that need the CDK, all in one process: jsii is
// slow to start and not safe for concurrent use, so none of them is parallel.
package test

import (
	"os"
	"testing"

	"github.com/gkampitakis/go-snaps/snaps"

	"example.com/ingestion/constructs"
)

func TestMain(m *testing.M) {
	// A local endpoint would change the architecture of the functions.
	if err := os.Unsetenv("AWS_ENDPOINT_URL"); err != nil {
		panic(err)
	}
	code := m.Run()
	snaps.Clean(m)
	constructs.Close()
	os.Exit(code)
}
