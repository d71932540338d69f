// Package load makes the function that loads the parts of every feed of a store.
package load

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	core "github.com/aws/constructs-go/constructs/v10"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/constructs/internal/bucket"
	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/kmskey"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
)

// Config names what the function reads and writes.
type Config struct {
	stackscope.Settings
	Bucket *bucket.Output
	Table  awsdynamodb.ITableV2
	function.Size
	// Loaders is how many invocations may load at a time.
	Loaders int
}

// New makes the function: one for all feeds of a store, because they share the write
// capacity of its table, and so that they take turns.
//
// It has no failure queue: its events have no data, and a part that it fails on waits in
// the table.
func New(scope core.Construct, id string, c Config) *function.Output {
	f := function.NewAsync(scope, id, function.Config{
		Settings:    c.Settings,
		Asset:       assets.Load,
		Of:          "of the store",
		Description: "Loads the parts of every feed into the table",
		Environment: map[string]string{
			feed.EnvLandingBucket: c.Bucket.Name,
			feed.EnvTable:         *c.Table.TableName(),
			feed.EnvLoaders:       strconv.Itoa(c.Loaders),
		},
		Size: c.Size,
	}, "")
	f.Allow(nil, []string{c.Bucket.ARN + "/" + feed.DefaultLandingPrefix + "*"}, "s3:GetObject")
	f.Allow(nil, []string{c.Bucket.ARN + "/" + feed.DefaultQuarantinePrefix + "*"}, "s3:PutObject")
	// The ledger's transactions are updates.
	f.Allow(nil, []string{*c.Table.TableArn()}, "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem")
	f.AllowKey(kmskey.Table)
	// In any case, so that a feed announces its uploads without a change of its store.
	f.AllowAnnouncements()
	f.AllowWildcards("The parts and the quarantine of every feed, under names that come with the data", "/"+feed.DefaultLandingPrefix+"*", "/"+feed.DefaultQuarantinePrefix+"*")
	f.AttachPolicy()
	return f
}
