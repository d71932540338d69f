// Command app is the CDK app: it lists the feeds and makes a stack of each.
// The cdk CLI runs it, see cdk.json.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"ingestion/constructs"
)

// feedStack is one feed and the name of its stack.
type feedStack struct {
	// Stack begins the names of the stack's outputs too. Another name makes
	// another feed of it, with a source bucket of its own.
	Stack string
	constructs.IngestionPipelineProps
}

// feeds lists the feeds of this app. To add one, add an entry here, look at
// what it brings with `cdk diff <Stack>`, and deploy it with `cdk deploy <Stack>`,
// which deploys the store first. The outputs then name the bucket for its files.
//
// An entry needs Stack, Feed, Source and Format. Snowflake is left out where the
// feed ends in the table; where the CDK's context names an account, its connection,
// database and schema are filled in below.
func feeds() []feedStack {
	return []feedStack{
		{"Earthquakes", constructs.IngestionPipelineProps{
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
		{"Airports", constructs.IngestionPipelineProps{
			Feed:   "airports",
			Source: constructs.NewBucket(),
			Format: constructs.CSV('|', "iata", "name", "city", "state", "country", "latitude", "longitude"),
			// The files as they are, once a night.
			Snowflake: &constructs.SnowflakeProps{
				Table: "AIRPORTS",
				From:  constructs.FromFiles(), Load: constructs.Bulk("17 2 * * *"),
			},
		}},
		{"Movies", constructs.IngestionPipelineProps{
			Feed:   "movies",
			Source: constructs.NewBucket(),
			Format: constructs.JSON(),
			// What the table holds, with what is changed and deleted there later.
			Snowflake: &constructs.SnowflakeProps{
				Table: "MOVIES",
				From:  constructs.FromTable(), Load: constructs.Continuous(),
			},
		}},
		{"Flights", constructs.IngestionPipelineProps{
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

func main() {
	if err := run(os.Getenv("CDK_CONTEXT_JSON")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// context is what this app reads of the CDK's context: of cdk.json, and of
// `cdk deploy --context snowflakeAccount=myorg-myaccount`.
type context struct {
	// Environment comes before the names of stacks and integrations, so that
	// one account can have several ("staging" makes staging-Store): up to 30
	// letters, digits and hyphens, beginning with a letter. Default: none. In
	// Snowflake give each a database or schema of its own; tables are called alike.
	Environment string `json:"environment"`
	// Architecture of the functions: arm64 (default) or x86_64.
	Architecture constructs.Architecture `json:"architecture"`
	// SnowflakeAccount is <organization>-<account>. Without it the feeds end in
	// the table. Put it into cdk.json, so that a deployment never forgets it.
	SnowflakeAccount string `json:"snowflakeAccount"`
	// SnowflakeUser and SnowflakeRole are both INGESTION unless given.
	SnowflakeUser string `json:"snowflakeUser"`
	SnowflakeRole string `json:"snowflakeRole"`
	// SnowflakeSecret is the Secrets Manager secret with the user's private key
	// (default "ingestion/snowflake").
	SnowflakeSecret string `json:"snowflakeSecret"`
	// SnowflakeDatabase and SnowflakeSchema are RAW and PUBLIC unless given.
	SnowflakeDatabase string `json:"snowflakeDatabase"`
	SnowflakeSchema   string `json:"snowflakeSchema"`
}

// environmentName is what may begin the name of a stack, which has 128 characters.
var environmentName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,29}$`)

// validate reports what only this app knows; the connection is the constructs' to check.
func (c context) validate() error {
	if c.Environment != "" && !environmentName.MatchString(c.Environment) {
		return fmt.Errorf("context of the app: environment: %q cannot begin the names of stacks: give up to 30 letters, digits and hyphens, beginning with a letter, such as \"staging\"", c.Environment)
	}
	return nil
}

// named returns a name of this environment.
func (c context) named(name, separator string) string {
	if c.Environment == "" {
		return name
	}
	return c.Environment + separator + name
}

// connection returns how to reach Snowflake, nil for not at all.
func (c context) connection() *constructs.SnowflakeConnection {
	if c.SnowflakeAccount == "" {
		return nil
	}
	return &constructs.SnowflakeConnection{
		Account: c.SnowflakeAccount,
		User:    cmp.Or(c.SnowflakeUser, "INGESTION"),
		Role:    cmp.Or(c.SnowflakeRole, "INGESTION"),
		Secret:  cmp.Or(c.SnowflakeSecret, "ingestion/snowflake"),
	}
}

// run writes the templates: one of the store that all feeds share, which
// outlives any of them, and one of each feed. contextJSON is the CDK's context
// as the cdk CLI hands it over, read here because mistakes in the feeds are to
// show before the CDK starts.
func run(contextJSON string) (err error) {
	var c context
	if contextJSON != "" {
		if err := json.Unmarshal([]byte(contextJSON), &c); err != nil {
			return fmt.Errorf("context of the app: %w", err)
		}
	}
	connection := c.connection()
	storeProps := constructs.StoreProps{
		LandingExpirationDays: 90,
		Snowflake:             connection,
		Changes:               connection != nil,
		Architecture:          c.Architecture,
	}
	feeds := feeds()
	var props []constructs.IngestionPipelineProps
	for i := range feeds {
		feeds[i].Architecture = c.Architecture
		feeds[i].Snowflake = c.snowflake(feeds[i].IngestionPipelineProps, connection)
		props = append(props, feeds[i].IngestionPipelineProps)
	}
	if err := errors.Join(c.validate(), constructs.ValidateFeeds(storeProps, props...)); err != nil {
		return err
	}
	defer constructs.Close()
	defer constructs.CatchPanic(&err)

	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	awscdk.Tags_Of(app).Add(jsii.String("app"), jsii.String("ingestion"), nil)
	store, err := constructs.NewStore(newStack(app, c.named("Store", "-"), "Parts, table and topic of all feeds"), "Store", storeProps)
	if err != nil {
		return err
	}
	for _, f := range feeds {
		f.Store = store
		if _, err := constructs.NewIngestionPipeline(newStack(app, c.named(f.Stack, "-"), "Feed "+f.Feed), f.Stack, f.IngestionPipelineProps); err != nil {
			return err
		}
	}
	app.Synth(nil)
	return nil
}

// snowflake returns the feed's Snowflake props in this environment; without a
// connection none.
func (c context) snowflake(f constructs.IngestionPipelineProps, connection *constructs.SnowflakeConnection) *constructs.SnowflakeProps {
	if f.Snowflake == nil || connection == nil {
		return nil
	}
	p := *f.Snowflake
	p.Connection = connection
	p.Database = cmp.Or(c.SnowflakeDatabase, "RAW")
	p.Schema = cmp.Or(c.SnowflakeSchema, "PUBLIC")
	// Without hyphens it needs no quotes in SQL.
	p.Integration = strings.ReplaceAll(c.named(f.Feed+"_integration", "_"), "-", "_")
	return &p
}

func newStack(app awscdk.App, name, description string) awscdk.Stack {
	return awscdk.NewStack(app, &name, &awscdk.StackProps{
		Description: &description,
		// The rule only checks the version of the bootstrap stack, which the
		// cdk CLI does by itself.
		Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{
			GenerateBootstrapVersionRule: jsii.Bool(false),
		}),
	})
}
