package test

import (
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/gkampitakis/go-snaps/snaps"

	"example.com/ingestion/constructs"
	"example.com/ingestion/feed"
)

// matchSnapshots compares each template with test/__snapshots__/<name>.<stack>.
// A template without a snapshot fails. After an intended change: make snapshots.
func matchSnapshots(t *testing.T, name string, templates map[string]template) {
	t.Helper()
	for stack, tpl := range templates {
		snaps.WithConfig(
			snaps.Filename(name+"."+stack),
			snaps.Ext(".json"),
			snaps.Update(os.Getenv("UPDATE_SNAPS") == "true"),
		).MatchStandaloneSnapshot(t, tpl.normalized(t))
	}
}

func TestSnapshots(t *testing.T) {
	for name, build := range map[string]func(*testing.T, awscdk.App){
		"minimal": func(t *testing.T, app awscdk.App) {
			newFeed(t, app, minimal("orders"))
		},
		"shared": func(t *testing.T, app awscdk.App) {
			store := newStore(t, app)
			for _, feed := range []string{"orders", "returns"} {
				props := minimal(feed)
				props.Store = store
				newFeed(t, app, props)
			}
		},
		"imported": func(t *testing.T, app awscdk.App) {
			stack := newStack(app, "Feed-orders")
			store, err := constructs.ImportStore(stack, "Store", constructs.StoreNames{
				LandingBucket: "landing-of-another-app", Table: "records", TopicARN: "arn:aws:sns:us-east-1:123456789012:parts", LoadFunction: "store-load",
			})
			if err != nil {
				t.Fatal(err)
			}
			props := minimal("orders")
			props.Store, props.Assets = store, fakeAssets(t)
			if _, err := constructs.NewIngestionPipeline(stack, "Feed", props); err != nil {
				t.Fatal(err)
			}
		},
		"comprehensive": func(t *testing.T, app awscdk.App) {
			props := comprehensive()
			props.Store = newStoreOf(t, app, comprehensiveStore())
			newFeed(t, app, props)
		},
		// Snowflake: from, load.
		"parts-continuous": func(t *testing.T, app awscdk.App) {
			props := toSnowflake("orders", constructs.FromParts(), constructs.Continuous())
			props.Store = newStoreOf(t, app, constructs.StoreProps{Snowflake: connection()})
			newFeed(t, app, props)
		},
		"files-bulk": func(t *testing.T, app awscdk.App) {
			props := toSnowflake("orders", constructs.FromFiles(), constructs.Bulk("17 2 * * *", constructs.InTimeZone("Europe/Berlin")))
			props.Store = newStore(t, app)
			newFeed(t, app, props)
		},
		"files-continuous": func(t *testing.T, app awscdk.App) {
			props := toSnowflake("orders", constructs.FromFiles(), constructs.Continuous())
			props.Store = newStore(t, app)
			newFeed(t, app, props)
		},
		"table-external": func(t *testing.T, app awscdk.App) {
			props := toSnowflake("orders", constructs.FromTable(), constructs.ExternalTable())
			props.Store = newStoreOf(t, app, constructs.StoreProps{Snowflake: connection(), Changes: true})
			newFeed(t, app, props)
		},
		"shape": func(t *testing.T, app awscdk.App) {
			props := minimal("orders")
			props.Store = newStore(t, app)
			props.Shape = constructs.Shape{HashSecret: "orders/email-key", Operations: []feed.Operation{
				feed.Rename("Kunde.Nr", "customer.id"), feed.Number("amount"), feed.Hash("email"), feed.DropWhere("status", "void"),
			}}
			newFeed(t, app, props)
		},
		// What NoTable excludes.
		"record-key": func(t *testing.T, app awscdk.App) {
			props := minimal("orders")
			props.Store = newStore(t, app)
			props.RecordKey = constructs.KeyedBy("region", "customer.id").Named("customer").Optional()
			props.ExpireAfterDays, props.Announce = 400, true
			newFeed(t, app, props)
		},
		"own-store-with-changes": func(t *testing.T, app awscdk.App) {
			newFeed(t, app, toSnowflake("orders", constructs.FromTable(), constructs.Continuous()))
		},
		"existing-integration": func(t *testing.T, app awscdk.App) {
			props := toSnowflake("orders", constructs.FromParts(), constructs.Continuous())
			props.Store = newStoreOf(t, app, constructs.StoreProps{Snowflake: connection()})
			props.Snowflake.ExistingIntegration, props.Snowflake.Integration = true, "SHARED"
			newFeed(t, app, props)
		},
		"alarms": func(t *testing.T, app awscdk.App) {
			store := newStoreOf(t, app, constructs.StoreProps{
				Snowflake: connection(), Dashboard: true, Alarms: &constructs.StoreAlarmProps{Emails: []string{"data@example.com"}},
			})
			props := toSnowflake("orders", constructs.FromParts(), constructs.Continuous())
			props.Store, props.Alarms = store, &constructs.AlarmProps{NothingFor: 24 * time.Hour}
			newFeed(t, app, props)
			quiet := minimal("returns")
			quiet.Store, quiet.Alarms = store, &constructs.AlarmProps{Off: true}
			newFeed(t, app, quiet)
		},
		"script": func(t *testing.T, app awscdk.App) {
			props := toSnowflake("orders", constructs.FromFiles(), constructs.ExternalTable())
			byHand(props.Snowflake)
			props.Store = newStore(t, app)
			newFeed(t, app, props)
		},
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp(t)
			build(t, app)
			matchSnapshots(t, name, synth(t, app))
		})
	}
	t.Run("disposable", func(t *testing.T) {
		app := newAppWith(t, map[string]any{"deleteData": "true"})
		newFeed(t, app, disposable())
		matchSnapshots(t, "disposable", synth(t, app))
	})
}

// disposable is a feed with a store and a key of its own, which are deleted
// with it in an app whose context has deleteData=true.
func disposable() constructs.IngestionPipelineProps {
	props := toSnowflake("orders", constructs.FromTable(), constructs.Continuous())
	props.Key, props.DeleteData = constructs.NewKey(), true
	props.Alarms = &constructs.AlarmProps{TopicARN: "arn:aws:sns:us-east-1:123456789012:alarms"}
	return props
}

func comprehensiveStore() constructs.StoreProps {
	return constructs.StoreProps{
		LandingExpirationDays: 90,
		Snowflake:             connection(),
		Subscribers:           []string{"arn:aws:iam::111122223333:user/snowflake-sns"},
		Changes:               true,
		Alarms:                &constructs.StoreAlarmProps{Emails: []string{"data@example.com", "night@example.com"}},
		Dashboard:             true,
		Loaders:               32,
		Load:                  constructs.FunctionProps{MemoryMB: 1024, Timeout: 5 * time.Minute, MaxConcurrency: 50},
		WarmThroughput:        constructs.WarmThroughput{ReadUnits: 12_000, WriteUnits: 20_000},
		MaxWriteUnits:         40_000,
		Key:                   constructs.NewKey(),
		Architecture:          constructs.X86,
		LogRetentionDays:      365,
	}
}

func comprehensive() constructs.IngestionPipelineProps {
	return constructs.IngestionPipelineProps{
		Feed: "orders",
		Source: constructs.NewBucket(
			constructs.WithPrefix("incoming/"),
			constructs.WithSuffixes(".csv", ".csv.gz"),
			constructs.WithNoncurrentDays(14),
		),
		Format: constructs.CSV('|', "id", "name", "price"),
		Snowflake: &constructs.SnowflakeProps{
			Connection: &constructs.SnowflakeConnection{
				Account: "myorg-myaccount", User: "INGESTION", Role: "INGESTION", Warehouse: "LOADING",
				Secret: "arn:aws:secretsmanager:us-east-1:123456789012:secret:ingestion/key-AbC123",
				Host:   "myorg-myaccount.privatelink.snowflakecomputing.com",
			},
			Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", View: "ORDERS_NOW", Integration: "ORDERS_S3",
			From: constructs.FromParts(), Load: constructs.Bulk("*/5 * * * *", constructs.InTimeZone("Europe/Berlin")),
			Columns: []constructs.SnowflakeColumn{{Name: "PRICE", Path: "price", Type: "NUMBER(12,2)"}},
			Stream:  true, DropTables: true, Readers: []string{"ANALYST", "REPORTING"},
		},
		Alarms:    &constructs.AlarmProps{NothingFor: 24 * time.Hour},
		Metrics:   true,
		NoTable:   true,
		Announce:  true,
		PartBytes: 64 << 20,
		Limits: constructs.Limits{
			MaxEntries: 10, MaxEntryBytes: 1 << 30, MaxRatio: 100, MaxRecordBytes: 1 << 20, MaxDepth: 2, MaxColumns: 500, MaxRecordsPerByte: 5,
		},
		Architecture:     constructs.X86,
		Unpack:           constructs.FunctionProps{MemoryMB: 3008, Timeout: 10 * time.Minute, MaxConcurrency: 5},
		LogRetentionDays: 365,
	}
}

// A prop that is added must be added to the comprehensive snapshot too. Store
// and Assets are set where the feed is made; what excludes one another is in
// the other snapshots.
func TestComprehensiveSetsEveryProp(t *testing.T) {
	requireSet(t, reflect.ValueOf(comprehensiveStore()), "StoreProps", "Assets", "WorkloadIdentity", "Warehouse", "Host", "TopicARN", "arn", "DeleteData")
	requireSet(t, reflect.ValueOf(comprehensive()), "IngestionPipelineProps", "Store", "Assets", "Key", "DeleteData", "RecordKey", "Shape", "ExpireAfterDays", "ExpireInSnowflake", "Off", "Emails", "TopicARN",
		"Principal", "ExternalID", "Subscriber", "ExistingIntegration", "WorkloadIdentity")
}

func requireSet(t *testing.T, v reflect.Value, path string, except ...string) {
	t.Helper()
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if slices.Contains(except, name) {
			continue
		}
		if v.Field(i).IsZero() {
			t.Errorf("%s.%s is not set", path, name)
			continue
		}
		if v.Type().Field(i).IsExported() {
			requireSet(t, v.Field(i), path+"."+name, except...)
		}
	}
}
