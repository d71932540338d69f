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

// sourceModes are feeds by the kind of their sources, with and without queues, and
// with and without Snowflake being notified of the source objects.
func sourceModes() map[string]constructs.IngestionPipelineProps {
	existing := constructs.ExistingBucket("warehouse-exports", constructs.WithPrefix("orders/"), constructs.WithSuffixes(".csv"))
	external := constructs.ExternalBucket("partner-drop", time.Hour, constructs.WithPrefix("out/"))
	with := func(source constructs.Source, buffer constructs.Buffer) constructs.IngestionPipelineProps {
		props := minimal("orders")
		props.Source, props.Buffer = source, buffer
		return props
	}
	files := func(source constructs.Source, load constructs.SnowflakeLoad, buffer constructs.Buffer) constructs.IngestionPipelineProps {
		props := toSnowflake("orders", constructs.FromFiles(), load)
		props.Source, props.Buffer = source, buffer
		return props
	}
	limited := with(constructs.NewBucket(constructs.WithPrefix("in/")), constructs.Queue)
	limited.Unpack.MaxConcurrency, limited.Load.MaxConcurrency = 2, 1000
	filtered := constructs.NewBucket(constructs.WithPrefix("in/"))
	return map[string]constructs.IngestionPipelineProps{
		"existing":                  with(existing, constructs.Direct),
		"external":                  with(external, constructs.Direct),
		"sources":                   with(manySources(), constructs.Direct),
		"queue":                     limited,
		"queue-existing":            with(existing, constructs.Queue),
		"queue-external":            with(external, constructs.Queue),
		"queue-sources":             with(manySources(), constructs.Queue),
		"queue-files-continuous":    files(filtered, constructs.Continuous(), constructs.Queue),
		"existing-files-continuous": files(constructs.ExistingBucket("warehouse-exports", constructs.WithKey(externalKey)), constructs.Continuous(), constructs.Direct),
		"existing-files-external":   files(constructs.ExistingBucket("warehouse-exports", constructs.WithPrefix("orders/")), constructs.ExternalTable(), constructs.Queue),
		"external-files-bulk":       files(external, constructs.Bulk("17 2 * * *"), constructs.Direct),
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
