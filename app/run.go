package app

import (
	"cmp"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
	"example.com/ingestion/internal/localcloud"
)

// Feed is one feed and the name of its stack.
type Feed = constructs.FeedStack

// Main writes the templates of the feeds' stacks and of the store's, as the cdk
// CLI asks for them, and returns the exit code for the process: 0, or 1 after it
// has printed what is wrong to standard error.
func Main(feeds []Feed) (exitCode int) {
	if err := Run(os.Getenv, os.Stderr, feeds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Run is Main with the environment variables that getenv returns and warnings
// written to warnings. Everything that is wrong with the context and with the feeds
// is returned as one error, before the CDK starts.
func Run(getenv func(string) string, warnings io.Writer, feeds []Feed) (err error) {
	e, err := readEnvironment(getenv("CDK_CONTEXT_JSON"))
	if err != nil {
		return err
	}
	if localcloud.Endpoint(getenv) != "" {
		e = e.local()
	}
	storeProps := e.store()
	feeds = e.feeds(feeds)
	if err := constructs.ValidateFeeds(storeProps, feeds...); err != nil {
		return err
	}
	for _, warning := range constructs.Warnings(storeProps, feeds...) {
		fmt.Fprintln(warnings, "warning: "+warning)
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

// feeds returns the feeds with the props that the environment decides.
func (e environment) feeds(feeds []Feed) []Feed {
	all := make([]Feed, len(feeds))
	for i, f := range feeds {
		f.Architecture = cmp.Or(e.Architecture, f.Architecture)
		f.LogRetentionDays = cmp.Or(f.LogRetentionDays, int(e.LogRetentionDays))
		f.DeleteData = bool(e.Disposable)
		f.Assets = string(e.Assets)
		f.Snowflake = e.snowflake(f.IngestionPipelineProps)
		all[i] = f
	}
	return all
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
