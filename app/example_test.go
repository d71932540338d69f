package app_test

import (
	"os"
	"time"

	"example.com/ingestion/app"
	"example.com/ingestion/constructs"
)

// The whole main package of an app with two feeds, which share one store.
func Example() {
	os.Exit(app.Main([]app.Feed{
		{Stack: "Orders", IngestionPipelineProps: constructs.IngestionPipelineProps{
			Feed:   "orders",
			Source: constructs.NewBucket(constructs.WithPrefix("incoming/")),
			Format: constructs.CSV('|', "id", "customer", "amount"),
		}},
		{Stack: "Weather", IngestionPipelineProps: constructs.IngestionPipelineProps{
			Feed:   "weather",
			Source: constructs.ExternalBucket("weather-open-data", time.Hour),
			Format: constructs.NDJSON(),
		}},
	}))
}
