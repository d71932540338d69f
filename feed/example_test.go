package feed_test

import (
	"fmt"

	"example.com/ingestion/feed"
)

// Validate reports all errors at once.
func ExampleSpec_Validate() {
	spec := feed.Spec{
		Feed:    "Orders",
		Sources: []feed.Source{{Kind: feed.OwnBucket, Prefix: "/incoming/"}},
		Format:  feed.Format{Kind: feed.CSV},
	}.WithDefaults()
	fmt.Println(spec.Validate())
	// Output:
	// feed "Orders": Feed: may have lower-case letters, digits and hyphens only, and starts with a letter
	// feed "Orders": Source.Prefix: "/incoming/" starts with a slash: keys of S3 objects do not
	// feed "Orders": Format.Delimiter: is required for CSV
}

// A function gets its Spec from an environment variable.
func ExampleSpec_Env() {
	spec := feed.Spec{
		Feed:    "orders",
		Sources: []feed.Source{{Kind: feed.OwnBucket, Suffixes: []string{".json", ".json.gz"}}},
		Format:  feed.Format{Kind: feed.JSON, Path: "result.items"},
	}.WithDefaults()
	value, err := spec.Env()
	if err != nil {
		fmt.Println(err)
		return
	}
	environment := map[string]string{feed.EnvSpec: value}

	read, err := feed.FromEnv(func(name string) string { return environment[name] })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(read.Feed, read.Format.Path, read.LandingPrefix, read.Limits.MaxRecordBytes>>20, "MiB")
	// Output: orders result.items landing/ 16 MiB
}

// Accepts applies the prefix and the suffixes of a source.
func ExampleSource_Accepts() {
	source := feed.Source{Kind: feed.ExistingBucket, Bucket: "shared", Prefix: "orders/", Suffixes: []string{".csv"}}
	for _, key := range []string{"orders/2026/03/01.csv", "orders/readme.txt", "invoices/1.csv", "orders/"} {
		fmt.Println(key, source.Accepts(key))
	}
	// Output:
	// orders/2026/03/01.csv true
	// orders/readme.txt false
	// invoices/1.csv false
	// orders/ false
}

// Text in columns of fixed width, as mainframes write it: in EBCDIC, after one line that
// is not read.
func ExampleFormat() {
	spec := feed.Spec{
		Feed:    "accounts",
		Sources: []feed.Source{{Kind: feed.OwnBucket}},
		Format: feed.Format{
			Kind:      feed.FixedWidth,
			Columns:   []string{"account", "name", "balance"},
			Widths:    []int{10, 30},
			SkipLines: 1,
			Encoding:  "ibm1047",
		},
	}.WithDefaults()
	fmt.Println(spec.Validate())
	spec.Format.Widths = append(spec.Format.Widths, 12)
	fmt.Println(spec.Validate())
	// Output:
	// feed "accounts": Format.Widths: has 2 widths for 3 columns
	// <nil>
}

// The value of the index's partition key under which by_key has the records of a customer.
func ExampleRecordKey_Partition() {
	key := feed.RecordKey{Fields: []string{"customer.id"}}
	fmt.Println(key.Partition("orders", "4711"))

	shared := feed.RecordKey{Fields: []string{"region", "id"}, Name: "customer"}
	fmt.Println(shared.Partition("orders", "eu", "4711"))
	// Output:
	// orders/customer.id#4711 <nil>
	// customer#eu#4711 <nil>
}

// A Shape gives the records of a source the names and types of the feed.
func ExampleShape() {
	shape := feed.Shape{
		HashSecret: "orders/hash-key",
		Operations: []feed.Operation{
			feed.Rename("CUST.ID", "customer.id"),
			feed.Rename(`PRICE\.NET`, "price"), // a key with a dot
			feed.NumberWith(",", ".", "price"),
			feed.Timestamp("02.01.2006 15:04", "Berlin", "ordered_at"),
			feed.FromOrigin("file", feed.OriginFile),
			feed.Hash("customer.email"),
			feed.DropWhere("status", "test"),
		},
	}
	fmt.Println(shape.Validate())
	// Output:
	// Shape.Operations[3] (timestamp): zone "Berlin" is no name of the IANA time zone database, such as "Europe/Berlin"
}
