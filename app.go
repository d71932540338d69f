// Command app is the CDK app: it lists the feeds and makes a stack of each.
// The cdk CLI runs it, see cdk.json.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"ingestion/constructs"
)

// feedStack is one feed and the name of its stack.
type feedStack struct {
	Stack string
	constructs.IngestionPipelineProps
}

// feeds lists the feeds of this app. To add one, add an entry here, look at
// what it brings with `cdk diff <Stack>`, and deploy it with `cdk deploy <Stack>`.
func feeds() []feedStack {
	return []feedStack{
		{"Earthquakes", constructs.IngestionPipelineProps{
			Feed:   "earthquakes",
			Source: constructs.NewBucket(),
			// GeoJSON: the records are the array "features" of one object.
			Format: constructs.JSON().At("features"),
		}},
		{"Airports", constructs.IngestionPipelineProps{
			Feed:   "airports",
			Source: constructs.NewBucket(),
			Format: constructs.CSV('|'),
		}},
	}
}

func main() {
	if err := run(feeds()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes the templates: one of the store that all feeds share, which
// outlives any of them, and one of each feed.
func run(feeds []feedStack) (err error) {
	if err := validate(feeds); err != nil {
		return err
	}
	defer constructs.Close()
	defer constructs.CatchPanic(&err)

	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	awscdk.Tags_Of(app).Add(jsii.String("app"), jsii.String("ingestion"), nil)
	// cdk deploy --context architecture=x86_64
	architecture, _ := app.Node().TryGetContext(jsii.String("architecture")).(string)

	store, err := constructs.NewStore(newStack(app, "Store", "Parts, table and topic of all feeds"), "Store", constructs.StoreProps{
		LandingExpirationDays: 90,
	})
	if err != nil {
		return err
	}
	for _, f := range feeds {
		f.Store = store
		f.Architecture = constructs.Architecture(architecture)
		stack := newStack(app, f.Stack, "Feed "+f.Feed)
		if _, err := constructs.NewIngestionPipeline(stack, f.Stack, f.IngestionPipelineProps); err != nil {
			return err
		}
	}
	app.Synth(nil)
	return nil
}

// validate checks the feeds before the CDK starts, all at once.
func validate(feeds []feedStack) error {
	var props []constructs.IngestionPipelineProps
	for _, f := range feeds {
		props = append(props, f.IngestionPipelineProps)
	}
	return constructs.ValidateFeeds(props...)
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
