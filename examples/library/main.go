// Command orders is a CDK app in a module of its own that imports the construct:
// one feed with its own landing bucket and table.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

func main() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Orders"), nil)
	_, err := constructs.NewIngestionPipeline(stack, "Orders", constructs.IngestionPipelineProps{
		Feed:   "orders",
		Source: constructs.NewBucket(constructs.WithPrefix("incoming/")),
		Format: constructs.CSV('|', "id", "customer", "amount"),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	app.Synth(nil)
}
