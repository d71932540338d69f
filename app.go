// Command app is the CDK app: it lists the feeds and makes a stack of each.
// The cdk CLI runs it, see cdk.json.
package main

import (
	"cmp"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

// feeds lists the feeds of this app. To add one, add an entry here, look at
// what it brings with `cdk diff <Stack>`, and deploy it with `cdk deploy <Stack>`,
// which deploys the store first. The outputs then name the bucket for its files.
//
// An entry needs Stack, Feed, Source and Format. Snowflake is left out where the
// feed ends in the table; where the CDK's context names an account, its connection,
// database and schema are filled in below.
func feeds() []constructs.FeedStack {
	return []constructs.FeedStack{
		{Stack: "Earthquakes", IngestionPipelineProps: constructs.IngestionPipelineProps{
			Feed:   "earthquakes",
			Source: constructs.NewBucket(),
			// GeoJSON: the records are the array "features" of one object.
			Format: constructs.JSON().At("features"),
			// Every part, within about a minute of its arrival.
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
			// The files as they are, once a night.
			Snowflake: &constructs.SnowflakeProps{
				Table: "AIRPORTS",
				From:  constructs.FromFiles(), Load: constructs.Bulk("17 2 * * *"),
			},
		}},
		{Stack: "Movies", IngestionPipelineProps: constructs.IngestionPipelineProps{
			Feed:   "movies",
			Source: constructs.NewBucket(),
			Format: constructs.JSON(),
			// What the table holds, with what is changed and deleted there later.
			Snowflake: &constructs.SnowflakeProps{
				Table: "MOVIES",
				From:  constructs.FromTable(), Load: constructs.Continuous(),
			},
		}},
		{Stack: "Flights", IngestionPipelineProps: constructs.IngestionPipelineProps{
			Feed:   "flights",
			Source: constructs.NewBucket(),
			Format: constructs.JSON(),
			// The parts stay where they are; queries read them there.
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

// assets is where `make build` leaves the functions.
const assets = "dist"

func main() {
	if err := run(os.Getenv("CDK_CONTEXT_JSON")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes the templates: one of the store that all feeds share, which
// outlives any of them, and one of each feed. contextJSON is the CDK's context
// as the cdk CLI hands it over, read here because mistakes in the feeds are to
// show before the CDK starts.
func run(contextJSON string) (err error) {
	e, err := readEnvironment(contextJSON)
	if err != nil {
		return err
	}
	storeProps := e.store()
	storeProps.Assets = assets
	feeds := feeds()
	for i := range feeds {
		feeds[i].Architecture = e.Architecture
		feeds[i].LogRetentionDays = cmp.Or(feeds[i].LogRetentionDays, int(e.LogRetentionDays))
		feeds[i].DeleteData = bool(e.Disposable)
		feeds[i].Assets = assets
		feeds[i].Snowflake = e.snowflake(feeds[i].IngestionPipelineProps)
	}
	if err := constructs.ValidateFeeds(storeProps, feeds...); err != nil {
		return err
	}
	for _, warning := range constructs.Warnings(storeProps, feeds...) {
		fmt.Fprintln(os.Stderr, "warning: "+warning)
	}
	defer constructs.Close()
	defer constructs.CatchPanic(&err)

	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	awscdk.Tags_Of(app).Add(jsii.String("app"), jsii.String("ingestion"), nil)
	if e.Name != "" {
		awscdk.Tags_Of(app).Add(jsii.String("environment"), jsii.String(e.Name), nil)
	}
	store, err := constructs.NewStore(e.newStack(app, constructs.StoreStack, "Parts, table and topic of all feeds"), constructs.StoreStack, storeProps)
	if err != nil {
		return err
	}
	for _, f := range feeds {
		f.Store = store
		if _, err := constructs.NewIngestionPipeline(e.newStack(app, f.Stack, "Feed "+f.Feed), f.Stack, f.IngestionPipelineProps); err != nil {
			return err
		}
	}
	app.Synth(nil)
	return nil
}

func (e environment) newStack(app awscdk.App, name, description string) awscdk.Stack {
	props := &awscdk.StackProps{
		Description: &description,
		// The rule only checks the version of the bootstrap stack, which the
		// cdk CLI does by itself.
		Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{
			GenerateBootstrapVersionRule: jsii.Bool(false),
		}),
	}
	if e.Account != "" {
		props.Env = &awscdk.Environment{Account: jsii.String(string(e.Account)), Region: jsii.String(string(e.Region))}
	}
	return awscdk.NewStack(app, jsii.String(e.named(name, "-")), props)
}
