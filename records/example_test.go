package records_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"

	"example.com/ingestion/records"
)

// exampleFeed is a feed with three orders in an in-memory table.
func exampleFeed() (feed *records.Feed, end func()) {
	t := &cleanups{}
	tb := newTable(t)
	tb.add("orders", "2026/orders.json", 1, 1,
		m("customer", s("ada"), "amount", n("99.50")),
		m("customer", s("grace"), "amount", n("120")),
		m("customer", s("edsger"), "amount", n("180.25")),
	)
	return tb.feed("orders"), t.run
}

// cleanups is a testing.TB for an example: it collects what is to be closed.
type cleanups struct {
	testing.TB

	all []func()
}

func (c *cleanups) Cleanup(f func())         { c.all = append(c.all, f) }
func (c *cleanups) Context() context.Context { return context.Background() }
func (c *cleanups) Helper()                  {}
func (c *cleanups) Fatal(args ...any)        { log.Fatal(args...) }

func (c *cleanups) run() {
	for _, f := range c.all {
		f()
	}
}

// Open finds a deployed feed with the credentials and region of the AWS
// configuration.
func ExampleOpen() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Panic(err)
	}
	feed, err := records.Open(ctx, cfg, "orders")
	if err != nil {
		log.Panic(err)
	}
	for r, err := range feed.Read(ctx, records.Query{Limit: 10}) {
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(r.ID, string(r.Data))
	}
}

func ExampleFeed_Read() {
	feed, end := exampleFeed()
	defer end()
	large, err := records.ParseFilter(`.data.amount >= 100`)
	if err != nil {
		log.Panic(err)
	}
	for r, err := range feed.Read(context.Background(), records.Query{Filters: []*records.Filter{large}}) {
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(r.Source, r.Ordinal, string(r.Data))
	}
	// Output:
	// s3://b/2026/orders.json 1 {"amount":120,"customer":"grace"}
	// s3://b/2026/orders.json 2 {"amount":180.25,"customer":"edsger"}
}

func ExampleFeed_Uploads() {
	feed, end := exampleFeed()
	defer end()
	for u, err := range feed.Uploads(context.Background()) {
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(u.Source, u.Time.Format("2006-01-02"))
	}
	// Output: s3://b/2026/orders.json 2026-03-01
}

func ExampleCSV() {
	feed, end := exampleFeed()
	defer end()
	w, err := records.NewCSV(os.Stdout, "ordinal", "data.customer", "data.amount")
	if err != nil {
		log.Panic(err)
	}
	for r, err := range feed.Read(context.Background(), records.Query{}) {
		if err != nil {
			log.Panic(err)
		}
		if err := w.Write(r); err != nil {
			log.Panic(err)
		}
	}
	if err := w.Flush(); err != nil {
		log.Panic(err)
	}
	// Output:
	// ordinal,data.customer,data.amount
	// 0,ada,99.50
	// 1,grace,120
	// 2,edsger,180.25
}
