package shape_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/shape"
)

// Each row of the table in docs/shape.md is true.
func TestDocumentedOperations(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/shape.md")
	if err != nil {
		t.Fatal(err)
	}
	operations := map[string]feed.Operation{
		`feed.Rename("Kunde.Nr", "customer.id")`:                    feed.Rename("Kunde.Nr", "customer.id"),
		`feed.Keep("id", "name")`:                                   feed.Keep("id", "name"),
		`feed.Drop("internal")`:                                     feed.Drop("internal"),
		`feed.Constant("country", "DE")`:                            feed.Constant("country", "DE"),
		`feed.FromOrigin("file", feed.OriginFile)`:                  feed.FromOrigin("file", feed.OriginFile),
		`feed.Default("currency", "EUR")`:                           feed.Default("currency", "EUR"),
		`feed.Number("amount")`:                                     feed.Number("amount"),
		`feed.NumberWith(",", ".", "amount")`:                       feed.NumberWith(",", ".", "amount"),
		`feed.Boolean("active")`:                                    feed.Boolean("active"),
		`feed.Timestamp("02.01.2006 15:04", "Europe/Berlin", "at")`: feed.Timestamp("02.01.2006 15:04", "Europe/Berlin", "at"),
		`feed.Timestamp(feed.UnixMilliseconds, "", "at")`:           feed.Timestamp(feed.UnixMilliseconds, "", "at"),
		`feed.ParseJSON("payload")`:                                 feed.ParseJSON("payload"),
		`feed.Trim("name")`:                                         feed.Trim("name"),
		`feed.Upper("country")`:                                     feed.Upper("country"),
		`feed.Lower("email")`:                                       feed.Lower("email"),
		`feed.KeepWhere("country", "DE", "FR")`:                     feed.KeepWhere("country", "DE", "FR"),
		`feed.DropWhere("status", "void")`:                          feed.DropWhere("status", "void"),
		`feed.JQ(".total = (.items | length)")`:                     feed.JQ(".total = (.items | length)"),
	}
	row := regexp.MustCompile("(?m)^\\| `(feed\\.[^`]*)` \\| `([^`]*)` \\| (.*) \\|$")
	found := 0
	for _, m := range row.FindAllStringSubmatch(string(doc), -1) {
		code, before, after := strings.ReplaceAll(m[1], `\|`, "|"), m[2], strings.Trim(m[3], "`")
		operation, ok := operations[code]
		if !ok {
			t.Errorf("%s is documented, and unknown here", code)
			continue
		}
		found++
		s, err := shape.New(feed.Shape{Operations: []feed.Operation{operation}}, shape.Config{MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		s.StartEntry(shape.Origin{Source: "s3://b/in/orders.json", Key: "in/orders.json", Modified: time.Unix(0, 0)})
		got, kept, err := s.Shape(t.Context(), []byte(before))
		result := string(got)
		if !kept {
			result = "left out"
		}
		if err != nil || result != after {
			t.Errorf("%s of %s is %s, %v; documented is %s", code, before, result, err, after)
		}
	}
	if found != len(operations) {
		t.Errorf("docs/shape.md has %d of %d operations", found, len(operations))
	}
}
