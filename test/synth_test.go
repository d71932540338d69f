package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

// fakeAssets returns a folder for the prop Assets, with text files for binaries: a
// template has their hash only.
func fakeAssets(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	writeFakeAssets(t, root)
	return root
}

func writeFakeAssets(t *testing.T, root string) {
	t.Helper()
	for _, goarch := range []string{"arm64", "amd64"} {
		for _, function := range []string{"unpack", "load", "discover", "snowflake", "export"} {
			dir := filepath.Join(root, goarch, function)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "bootstrap"), []byte(function+" for "+goarch), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// featureFlags returns the CDK's feature flags of cdk.json, so that the templates
// are those that the cdk CLI deploys. Context of the app, such as an account, is left
// out: its users may set it.
func featureFlags(t *testing.T) map[string]any {
	t.Helper()
	b, err := os.ReadFile("../cdk.json")
	if err != nil {
		t.Fatal(err)
	}
	var config struct{ Context map[string]any }
	if err := json.Unmarshal(b, &config); err != nil {
		t.Fatal(err)
	}
	if len(config.Context) == 0 {
		t.Fatal("cdk.json has no context")
	}
	maps.DeleteFunc(config.Context, func(key string, _ any) bool { return !strings.ContainsAny(key, "@:/") })
	return config.Context
}

// newApp returns an app that writes to a temporary folder.
func newApp(t *testing.T) awscdk.App {
	t.Helper()
	return newAppWith(t, nil)
}

// newAppWith returns one with additional context, as `cdk --context` gives it.
func newAppWith(t *testing.T, more map[string]any) awscdk.App {
	t.Helper()
	context := featureFlags(t)
	maps.Copy(context, more)
	return awscdk.NewApp(&awscdk.AppProps{
		AnalyticsReporting: jsii.Bool(false),
		Context:            &context,
		Outdir:             jsii.String(t.TempDir()),
	})
}

func newStack(app awscdk.App, name string) awscdk.Stack {
	return awscdk.NewStack(app, &name, &awscdk.StackProps{
		Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{
			GenerateBootstrapVersionRule: jsii.Bool(false),
		}),
	})
}

func newStore(t *testing.T, app awscdk.App) *constructs.Store {
	t.Helper()
	return newStoreOf(t, app, constructs.StoreProps{})
}

func newStoreOf(t *testing.T, app awscdk.App, props constructs.StoreProps) *constructs.Store {
	t.Helper()
	props.Assets = fakeAssets(t)
	store, err := constructs.NewStore(newStack(app, "Store"), "Store", props)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// newFeed makes a feed in a stack called Feed-<name of the feed>.
func newFeed(t *testing.T, app awscdk.App, props constructs.IngestionPipelineProps) *constructs.IngestionPipeline {
	t.Helper()
	props.Assets = fakeAssets(t)
	p, err := constructs.NewIngestionPipeline(newStack(app, "Feed-"+props.Feed), "Feed", props)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// feedStack is a feed in a stack called Feed-<name of the feed>.
func feedStack(props constructs.IngestionPipelineProps) constructs.FeedStack {
	return constructs.FeedStack{Stack: "Feed-" + props.Feed, IngestionPipelineProps: props}
}

// minimal returns the required props.
func minimal(feed string) constructs.IngestionPipelineProps {
	return constructs.IngestionPipelineProps{Feed: feed, Source: constructs.NewBucket(), Format: constructs.JSON()}
}

func connection() *constructs.SnowflakeConnection {
	return &constructs.SnowflakeConnection{Account: "myorg-myaccount", User: "INGESTION", Role: "INGESTION", Secret: "ingestion/snowflake"}
}

// toSnowflake returns a feed of delimited text that is loaded into Snowflake.
func toSnowflake(feed string, from constructs.SnowflakeFrom, load constructs.SnowflakeLoad) constructs.IngestionPipelineProps {
	return constructs.IngestionPipelineProps{
		Feed:   feed,
		Source: constructs.NewBucket(constructs.WithPrefix("incoming/"), constructs.WithSuffixes(".csv")),
		Format: constructs.CSV('|', "id", "price"),
		Snowflake: &constructs.SnowflakeProps{
			Connection: connection(), Database: "RAW", Schema: "PUBLIC", Table: strings.ToUpper(feed), From: from, Load: load,
		},
	}
}

// changesToSnowflake are props of a feed that has every function.
func changesToSnowflake() *constructs.SnowflakeProps {
	return toSnowflake("orders", constructs.FromTable(), constructs.Continuous()).Snowflake
}

// byHand removes the connection from p: no SQL is run at deployment.
func byHand(p *constructs.SnowflakeProps) {
	p.Connection = nil
	p.Principal, p.ExternalID = "arn:aws:iam::111122223333:user/abc1-s-xyz", "orders-4711"
	p.Subscriber = "arn:aws:iam::111122223333:user/abc1-n-xyz"
}

// synth returns the templates of app by stack.
func synth(t *testing.T, app awscdk.App) map[string]template {
	t.Helper()
	return readTemplates(t, *app.Synth(&awscdk.StageSynthesisOptions{Force: jsii.Bool(true)}).Directory())
}

func readTemplates(t *testing.T, dir string) map[string]template {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no template in %s", dir)
	}
	templates := make(map[string]template, len(files))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var tpl template
		if err := json.Unmarshal(b, &tpl); err != nil {
			t.Fatal(err)
		}
		tpl.text = string(b)
		templates[strings.TrimSuffix(filepath.Base(file), ".template.json")] = tpl
	}
	return templates
}

// template is what the tests read of a CloudFormation template.
type template struct {
	Metadata  map[string]any
	Resources map[string]resource
	Outputs   map[string]any
	text      string
}

type resource struct {
	Type           string
	DeletionPolicy string
	DependsOn      []string
	Properties     map[string]any
	Metadata       struct {
		Nag struct {
			Suppressions []suppression `json:"rules_to_suppress"`
		} `json:"cdk_nag"`
	}
}

// ofType returns the resources of a type by logical ID.
func (tpl template) ofType(name string) map[string]resource {
	found := map[string]resource{}
	for id, r := range tpl.Resources {
		if r.Type == name {
			found[id] = r
		}
	}
	return found
}

var assetHash = regexp.MustCompile(`[0-9a-f]{64}\.zip`)

// normalized returns the template with its keys in order and its asset hashes
// numbered, since those change with every edit of a function.
func (tpl template) normalized(t *testing.T) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(tpl.text), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	number := map[string]int{}
	return assetHash.ReplaceAllStringFunc(string(b), func(hash string) string {
		if _, seen := number[hash]; !seen {
			number[hash] = len(number) + 1
		}
		return fmt.Sprintf("asset-%d.zip", number[hash])
	})
}
