// Package table makes the table of records and ledger.
package table

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/nag"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
)

// Config describes the table.
type Config struct {
	stackscope.Settings
	// Indexes are the names of the global secondary indexes: feed.LedgerIndex, feed.KeyIndex
	// and feed.FormerLedgerIndex.
	Indexes []string
	// Stream has the changes of the table, with the new image of each item.
	Stream bool
	// MaxWriteUnits bounds the write units a second; 0 for no limit but the account's.
	MaxWriteUnits int
	// WarmReadUnits and WarmWriteUnits are the warm throughput; 0 for the default.
	WarmReadUnits, WarmWriteUnits int
}

// Output is the table.
type Output struct{ Table awsdynamodb.TableV2 }

// New makes a table that is billed on demand, has point-in-time recovery, and is
// kept and protected from deletion unless the settings say otherwise.
func New(scope core.Construct, id string, c Config) *Output {
	props := &awsdynamodb.TablePropsV2{
		PartitionKey:           stringAttribute(feed.PartitionKey),
		SortKey:                stringAttribute(feed.SortKey),
		GlobalSecondaryIndexes: c.indexes(),
		// It deletes nothing but items with the attribute, which costs nothing, so that a feed
		// gets an expiry without a change of its store.
		TimeToLiveAttribute: jsii.String(feed.ExpiryAttribute),
		Billing:             awsdynamodb.Billing_OnDemand(c.maxThroughput()),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
		},
		DeletionProtection: jsii.Bool(!c.DeleteData),
		RemovalPolicy:      c.RemovalPolicy(),
	}
	if c.WarmReadUnits > 0 || c.WarmWriteUnits > 0 {
		props.WarmThroughput = &awsdynamodb.WarmThroughput{ReadUnitsPerSecond: number(c.WarmReadUnits), WriteUnitsPerSecond: number(c.WarmWriteUnits)}
	}
	if c.Stream {
		// A deletion is identified by its keys, which every image has.
		props.DynamoStream = awsdynamodb.StreamViewType_NEW_IMAGE
	}
	table := awsdynamodb.NewTableV2(scope, &id, props)
	if c.Key != nil {
		// The level-2 construct takes a key only where the stack names its region.
		resource := nag.ResourceOf(table)
		resource.AddPropertyOverride(jsii.String("SSESpecification"), map[string]any{"SSEEnabled": true, "SSEType": "KMS"})
		resource.AddPropertyOverride(jsii.String("Replicas.0.SSESpecification.KMSMasterKeyId"), c.Key.KeyArn())
	}
	return &Output{table}
}

// indexes are the table's. They are sparse: an item without their attributes adds nothing
// to them, so they cost nothing where nothing is in them.
func (c Config) indexes() *[]*awsdynamodb.GlobalSecondaryIndexPropsV2 {
	var indexes []*awsdynamodb.GlobalSecondaryIndexPropsV2
	for _, name := range c.Indexes {
		indexes = append(indexes, index(name))
	}
	return &indexes
}

// index describes an index by its name.
func index(name string) *awsdynamodb.GlobalSecondaryIndexPropsV2 {
	props := &awsdynamodb.GlobalSecondaryIndexPropsV2{IndexName: &name, ProjectionType: awsdynamodb.ProjectionType_ALL}
	switch name {
	case feed.LedgerIndex, feed.FormerLedgerIndex:
		props.PartitionKey, props.SortKey = stringAttribute(feed.LedgerIndexPartitionKey), stringAttribute(feed.LedgerIndexSortKey)
	case feed.KeyIndex:
		// Whole items: a record is read with one Query, without a second read by its keys.
		props.PartitionKey, props.SortKey = stringAttribute(feed.KeyIndexPartitionKey), stringAttribute(feed.KeyIndexSortKey)
	}
	if name == feed.LedgerIndex {
		// Only what a list shows: each change of an attribute that an index has is a write of it.
		props.ProjectionType = awsdynamodb.ProjectionType_INCLUDE
		props.NonKeyAttributes = jsii.Strings(feed.LedgerIndexAttributes()...)
	}
	return props
}

func (c Config) maxThroughput() *awsdynamodb.MaxThroughputProps {
	if c.MaxWriteUnits == 0 {
		return nil
	}
	return &awsdynamodb.MaxThroughputProps{MaxWriteRequestUnits: number(c.MaxWriteUnits)}
}

// number is n, or nil for 0.
func number(n int) *float64 {
	if n == 0 {
		return nil
	}
	return jsii.Number(n)
}

func stringAttribute(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
}
