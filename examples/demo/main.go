// Command demo is the CDK app of `make demo`, of the end-to-end tests and of
// `make live`: four feeds of real files, one for each way to Snowflake.
package main

import (
	"os"

	"example.com/ingestion/app"
	"example.com/ingestion/constructs"
)

func main() { os.Exit(app.Main(feeds())) }

func feeds() []app.Feed {
	return []app.Feed{
		{Stack: "Earthquakes", IngestionPipelineProps: constructs.IngestionPipelineProps{
			Feed:   "earthquakes",
			Source: constructs.NewBucket(),
			// GeoJSON: the records are the elements of the array "features".
			Format: constructs.JSON().At("features"),
			// Each part is loaded within about a minute of its arrival.
			Snowflake: &constructs.SnowflakeProps{
				Table: "EARTHQUAKES", From: constructs.FromParts(), Load: constructs.Continuous(),
				Columns: []constructs.SnowflakeColumn{
					{Name: "PLACE", Path: "properties.place"},
					{Name: "MAGNITUDE", Path: "properties.mag", Type: "FLOAT"},
				},
			},
		}},
		{Stack: "Airports", IngestionPipelineProps: constructs.IngestionPipelineProps{
			Feed:   "airports",
			Source: constructs.NewBucket(),
			Format: constructs.CSV('|', "iata", "name", "city", "state", "country", "latitude", "longitude"),
			// Snowflake reads the files themselves, once a night.
			Snowflake: &constructs.SnowflakeProps{
				Table: "AIRPORTS",
				From:  constructs.FromFiles(), Load: constructs.Bulk("17 2 * * *"),
			},
		}},
		{Stack: "Movies", IngestionPipelineProps: constructs.IngestionPipelineProps{
			Feed:   "movies",
			Source: constructs.NewBucket(),
			Format: constructs.JSON(),
			// The items of the table, with later changes and deletions.
			Snowflake: &constructs.SnowflakeProps{
				Table: "MOVIES",
				From:  constructs.FromTable(), Load: constructs.Continuous(),
			},
		}},
		{Stack: "Flights", IngestionPipelineProps: constructs.IngestionPipelineProps{
			Feed:   "flights",
			Source: constructs.NewBucket(),
			Format: constructs.JSON(),
			// The data stay in S3; queries read them there.
			Snowflake: &constructs.SnowflakeProps{
				Table: "FLIGHTS",
				From:  constructs.FromParts(), Load: constructs.ExternalTable(),
				Columns: []constructs.SnowflakeColumn{
					{Name: "ORIGIN", Path: "origin"},
					{Name: "DESTINATION", Path: "destination"},
					{Name: "DELAY", Path: "delay", Type: "NUMBER(6,0)"},
				},
			},
		}},
	}
}
