package test

import (
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"example.com/ingestion/constructs"
)

const (
	externalKey  = "arn:aws:kms:us-east-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	externalRole = "arn:aws:iam::210987654321:role/reader"
)

// manySources are one of each kind, and of the external ones one with each kind of access.
func manySources() constructs.Source {
	return constructs.Sources(
		constructs.NewBucket(constructs.WithSuffixes(".csv")),
		constructs.ExistingBucket("warehouse-exports", constructs.WithPrefix("orders/"), constructs.WithSuffixes(".csv", ".csv.gz"), constructs.WithKey(externalKey)),
		constructs.ExternalBucket("partner-drop", time.Hour, constructs.WithPrefix("out/"), constructs.WithKey(externalKey)),
		constructs.ExternalBucket("open-data", 24*time.Hour, constructs.RequesterPays()),
		constructs.ExternalBucket("partner-archive", time.Minute, constructs.AssumeRole(externalRole, "ingestion")),
	)
}

// sourceModes are feeds by the kind of their sources, with and without Snowflake being
// notified of the source objects.
func sourceModes() map[string]constructs.IngestionPipelineProps {
	existing := constructs.ExistingBucket("warehouse-exports", constructs.WithPrefix("orders/"), constructs.WithSuffixes(".csv"))
	external := constructs.ExternalBucket("partner-drop", time.Hour, constructs.WithPrefix("out/"))
	with := func(source constructs.Source) constructs.IngestionPipelineProps {
		props := minimal("orders")
		props.Source = source
		return props
	}
	files := func(source constructs.Source, load constructs.SnowflakeLoad) constructs.IngestionPipelineProps {
		props := toSnowflake("orders", constructs.FromFiles(), load)
		props.Source = source
		return props
	}
	return map[string]constructs.IngestionPipelineProps{
		"existing":                  with(existing),
		"external":                  with(external),
		"sources":                   with(manySources()),
		"files-continuous-filtered": files(constructs.NewBucket(constructs.WithPrefix("in/")), constructs.Continuous()),
		"existing-files-continuous": files(constructs.ExistingBucket("warehouse-exports", constructs.WithKey(externalKey)), constructs.Continuous()),
		"existing-files-external":   files(constructs.ExistingBucket("warehouse-exports", constructs.WithPrefix("orders/")), constructs.ExternalTable()),
		"external-files-bulk":       files(external, constructs.Bulk("17 2 * * *")),
	}
}

func TestSnapshotsOfSources(t *testing.T) {
	for name, props := range sourceModes() {
		t.Run(name, func(t *testing.T) {
			app := newApp(t)
			feedOnFullStore(t, app, props)
			templates := synth(t, app)
			delete(templates, "Store")
			matchSnapshots(t, name, templates)
		})
	}
}

// feedOnFullStore makes a feed on a store with every capability.
func feedOnFullStore(t *testing.T, app awscdk.App, props constructs.IngestionPipelineProps) *constructs.IngestionPipeline {
	t.Helper()
	props.Store = newStoreOf(t, app, constructs.StoreProps{Snowflake: connection(), Changes: true, Alarms: &constructs.StoreAlarmProps{}})
	return newFeed(t, app, props)
}
