// Command ingestion is the CDK app of this repository. It lists the feeds; package
// app makes a stack of each.
package main

import (
	"os"

	"example.com/ingestion/app"
	"example.com/ingestion/constructs"
)

func main() { os.Exit(app.Main(feeds())) }

// feeds lists the feeds of the app. Replace the example by your own: an entry needs
// Stack, Feed, Source and Format. Look at what a change brings with
// `npx cdk diff <Stack>`, try it with `make local`, and deploy it with
// `npx cdk deploy <Stack>`, which deploys the store first. Then run
// `make snapshots` and commit the templates.
func feeds() []app.Feed {
	return []app.Feed{
		{Stack: "Orders", IngestionPipelineProps: constructs.IngestionPipelineProps{
			Feed:   "orders",
			Source: constructs.NewBucket(constructs.WithPrefix("incoming/")),
			Format: constructs.CSV('|', "id", "customer", "amount"),
			// Ignored unless the context in cdk.json has a snowflakeAccount. Leave it
			// out where the records end in DynamoDB.
			Snowflake: &constructs.SnowflakeProps{Table: "ORDERS"},
		}},
	}
}
