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
	code := m.Run()
	snaps.Clean(m)
	constructs.Close()
	os.Exit(code)
}
