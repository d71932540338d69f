package constructs_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

// A whole app: one feed with a store of its own.
func Example() {
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Orders"), nil)
	_, err := constructs.NewIngestionPipeline(stack, "Orders", constructs.IngestionPipelineProps{
		Feed:   "orders",
		Source: constructs.NewBucket(),
		Format: constructs.NDJSON(),
	})
	if err != nil {
		log.Fatal(err)
	}
	app.Synth(nil)
	constructs.Close()
}

// Two feeds, each in a stack of its own, that share a store with alarms and a
// connection to Snowflake.
func ExampleNewStore() {
	app := awscdk.NewApp(nil)
	connection := &constructs.SnowflakeConnection{
		Account: "myorg-myaccount", User: "INGESTION", Role: "INGESTION", Secret: "ingestion/snowflake",
	}
	store, err := constructs.NewStore(awscdk.NewStack(app, jsii.String("Store"), nil), "Store", constructs.StoreProps{
		LandingExpirationDays: 90,
		Snowflake:             connection,
		Alarms:                &constructs.StoreAlarmProps{Emails: []string{"data@example.com"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"orders", "returns"} {
		_, err := constructs.NewIngestionPipeline(awscdk.NewStack(app, &name, nil), name, constructs.IngestionPipelineProps{
			Feed:   name,
			Source: constructs.NewBucket(),
			Format: constructs.JSON().At("items"),
			Store:  store,
			Snowflake: &constructs.SnowflakeProps{
				Connection: connection, Database: "RAW", Schema: "PUBLIC", Table: name,
			},
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	app.Synth(nil)
}

// A feed with most of the props: two sources, a view with typed columns, alarms,
// metrics, a key, and sizes of the functions.
func ExampleNewIngestionPipeline() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Orders"), nil)
	_, err := constructs.NewIngestionPipeline(stack, "Orders", constructs.IngestionPipelineProps{
		Feed: "orders",
		Source: constructs.Sources(
			constructs.NewBucket(constructs.WithPrefix("incoming/"), constructs.WithSuffixes(".csv", ".csv.gz")),
			constructs.ExternalBucket("supplier-files", time.Hour,
				constructs.AssumeRole("arn:aws:iam::111122223333:role/reader", "orders-4711")),
		),
		Format: constructs.CSV('|', "id", "customer", "amount"),
		Snowflake: &constructs.SnowflakeProps{
			Connection: &constructs.SnowflakeConnection{
				Account: "myorg-myaccount", User: "INGESTION", Role: "INGESTION", Secret: "ingestion/snowflake",
			},
			Database: "RAW", Schema: "PUBLIC", Table: "ORDERS",
			From: constructs.FromParts(), Load: constructs.Continuous(),
			Columns: []constructs.SnowflakeColumn{{Name: "AMOUNT", Path: "amount", Type: "NUMBER(12,2)"}},
		},
		Alarms:           &constructs.AlarmProps{Emails: []string{"data@example.com"}, NothingFor: 24 * time.Hour},
		Metrics:          true,
		Key:              constructs.NewKey(),
		Architecture:     constructs.ARM64,
		Unpack:           constructs.FunctionProps{MemoryMB: 3008, Timeout: 5 * time.Minute, MaxConcurrency: 50},
		LogRetentionDays: 90,
	})
	if err != nil {
		log.Fatal(err)
	}
}

// A feed of another app that uses a store by the outputs of the store's stack.
func ExampleImportStore() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Orders"), nil)
	store, err := constructs.ImportStore(stack, "Store", constructs.StoreNames{
		LandingBucket: "store-landing-bucket",
		Table:         "store-table",
		TopicARN:      "arn:aws:sns:us-east-1:123456789012:store-topic",
		LoadFunction:  "store-load",
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = constructs.NewIngestionPipeline(stack, "Orders", constructs.IngestionPipelineProps{
		Feed: "orders", Source: constructs.NewBucket(), Format: constructs.JSON(), Store: store,
	})
	if err != nil {
		log.Fatal(err)
	}
}

// A feed of the files below a prefix of a bucket that another stack manages.
func ExampleExistingBucket() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Orders"), nil)
	_, err := constructs.NewIngestionPipeline(stack, "Orders", constructs.IngestionPipelineProps{
		Feed:   "orders",
		Source: constructs.ExistingBucket("team-files", constructs.WithPrefix("orders/")),
		Format: constructs.JSON(),
	})
	if err != nil {
		log.Fatal(err)
	}
}

// A role that delivers files, and another that reads the records.
func ExampleIngestionPipeline_GrantRead() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Orders"), nil)
	pipeline, err := constructs.NewIngestionPipeline(stack, "Orders", constructs.IngestionPipelineProps{
		Feed: "orders", Source: constructs.NewBucket(), Format: constructs.JSON(),
	})
	if err != nil {
		log.Fatal(err)
	}
	newRole := func(id string) awsiam.Role {
		return awsiam.NewRole(stack, &id, &awsiam.RoleProps{AssumedBy: awsiam.NewAccountRootPrincipal()})
	}
	_, putErr := pipeline.GrantPut(newRole("Sender"))
	_, readErr := pipeline.GrantRead(newRole("Reader"))
	if err := errors.Join(putErr, readErr); err != nil {
		log.Fatal(err)
	}
}

// An alarm of the app's own on a metric of the feed.
func ExampleIngestionPipeline_MetricStored() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Orders"), nil)
	pipeline, err := constructs.NewIngestionPipeline(stack, "Orders", constructs.IngestionPipelineProps{
		Feed: "orders", Source: constructs.NewBucket(), Format: constructs.JSON(), Metrics: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	awscloudwatch.NewAlarm(stack, jsii.String("FewRecords"), &awscloudwatch.AlarmProps{
		Metric:             pipeline.MetricStored(&awscloudwatch.MetricOptions{Period: awscdk.Duration_Days(jsii.Number(1))}),
		Threshold:          jsii.Number(1000),
		EvaluationPeriods:  jsii.Number(1),
		ComparisonOperator: awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD,
	})
}

// An override of what no prop sets.
func ExampleIngestionPipeline() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Orders"), nil)
	pipeline, err := constructs.NewIngestionPipeline(stack, "Orders", constructs.IngestionPipelineProps{
		Feed: "orders", Source: constructs.NewBucket(), Format: constructs.JSON(),
	})
	if err != nil {
		log.Fatal(err)
	}
	function := pipeline.Unpack.Node().DefaultChild().(awslambda.CfnFunction)
	function.AddPropertyOverride(jsii.String("TracingConfig.Mode"), jsii.String("Active"))
}

// Everything that is wrong is reported at once, without the CDK.
func ExampleIngestionPipelineProps_Validate() {
	props := constructs.IngestionPipelineProps{
		Feed:   "Orders",
		Source: constructs.ExternalBucket("supplier-files", time.Second),
		Format: constructs.JSON(),
		Unpack: constructs.FunctionProps{MemoryMB: 64},
	}
	fmt.Println(props.Validate())
	// Output:
	// feed "Orders": Feed: may have lower-case letters, digits and hyphens only, and starts with a letter
	// feed "Orders": Source: 1s between two listings is not a number of whole minutes from 1m0s to 24h0m0s: give, for example, 5*time.Minute
	// feed "Orders": Unpack.MemoryMB: 64 is outside 128 to 10240
}

// A feed whose records are found by customer, together with those of every feed that calls its
// key "customer", for 90 days; EventBridge announces each file.
func ExampleKeyedBy() {
	fmt.Println(constructs.IngestionPipelineProps{
		Feed:            "orders",
		Source:          constructs.NewBucket(),
		Format:          constructs.JSON(),
		RecordKey:       constructs.KeyedBy("customer.id").Named("customer").Optional(),
		ExpireAfterDays: 90,
		Announce:        true,
	}.Validate())
	fmt.Println(constructs.IngestionPipelineProps{
		Feed:      "orders",
		Source:    constructs.NewBucket(),
		Format:    constructs.JSON(),
		RecordKey: constructs.KeyedBy("customer..id"),
	}.Validate())
	// Output:
	// <nil>
	// feed "orders": RecordKey.Fields: path "customer..id" has an empty key: write object keys separated by dots, such as "customer.name"
}
