// Command orders is a CDK app in a module of its own that imports the construct:
// one feed, with a landing bucket and a table of its own.
package main

import (
	"log"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

func main() {
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Orders"), nil)
	_, err := constructs.NewIngestionPipeline(stack, "Orders", constructs.IngestionPipelineProps{
		Feed:   "orders",
		Source: constructs.NewBucket(constructs.WithPrefix("incoming/")),
		Format: constructs.CSV('|', "id", "customer", "amount"),
	})
	if err != nil {
		log.Fatal(err)
	}
	app.Synth(nil)
	jsii.Close()
}
