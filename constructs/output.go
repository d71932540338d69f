package constructs

import (
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/snowflake"
)

var notAlphanumeric = regexp.MustCompile(`[^A-Za-z0-9]`)

// outputPrefix is id as it stands before the names of outputs.
func outputPrefix(id string) string { return notAlphanumeric.ReplaceAllString(id, "") }

// output adds an output to the stack under <id><name>, without the hash that
// the CDK appends: scripts rely on these names. It is a child of the stack itself,
// whose children are called as they are.
func output(stack awscdk.Stack, id, name, value, description string) {
	awscdk.NewCfnOutput(stack, jsii.String(outputPrefix(id)+name), &awscdk.CfnOutputProps{
		Value:       jsii.String(value),
		Description: jsii.String(description),
	})
}

func (p *IngestionPipeline) addOutputs(id string, b *buffer) {
	s := p.Spec
	output(p.site.stack, id, "Feed", s.Feed, "the name of the feed")
	if p.SourceBucket != nil {
		output(p.site.stack, id, "SourceBucket", *p.SourceBucket.BucketName(), "put the files of the feed here")
	}
	output(p.site.stack, id, "LandingBucket", p.Store.names.bucket, "the parts, and what could not be loaded")
	output(p.site.stack, id, "LandingPrefix", s.LandingPrefix+s.Feed+"/", "the parts of the feed")
	output(p.site.stack, id, "QuarantinePrefix", s.QuarantinePrefix+s.Feed+"/", "what could not be loaded, with the reason")
	output(p.site.stack, id, "Table", p.Store.names.table, "the records and the ledger")
	output(p.site.stack, id, "Topic", p.Store.names.topicARN, "announces every part")
	output(p.site.stack, id, "UnpackFunction", p.unpack.name(), "turns source objects into parts")
	output(p.site.stack, id, "LoadFunction", p.load.name(), "turns parts into items of the table")
	output(p.site.stack, id, "FailureQueueUrl", *p.FailureQueue.QueueUrl(), "events that the functions gave up on")
	if p.Alarmed {
		output(p.site.stack, id, "AlarmTopic", p.Store.names.alarmTopicARN, "is told of what goes wrong")
	}
	if p.Discover != nil {
		output(p.site.stack, id, "DiscoverFunction", p.discover.name(), "lists the external buckets")
	}
	if b != nil {
		output(p.site.stack, id, "UnpackQueueUrl", *b.unpack.Ref(), "events of source objects, on the way to unpack")
		output(p.site.stack, id, "LoadQueueUrl", *b.load.Ref(), "parts, on the way to load")
	}
	if p.SourceTopic != nil {
		output(p.site.stack, id, "SourceTopic", *p.SourceTopic.TopicArn(), "announces every source object")
	}
}

// addSnowflakeOutputs tells what the objects in Snowflake are made with, as far
// as it is known at deployment only, and what to query.
func (p *IngestionPipeline) addSnowflakeOutputs(id string, s snowflake.Spec, n snowflake.Names) {
	output(p.site.stack, id, "SnowflakeView", snowflake.Qualified(s.Database, s.Schema, s.View), "query this: each record once, in its latest state")
	output(p.site.stack, id, "SnowflakeTable", snowflake.Qualified(s.Database, s.Schema, s.Table), "takes the rows as they come")
	output(p.site.stack, id, "SnowflakeBucket", n.Bucket, "has what the stage shows")
	output(p.site.stack, id, "SnowflakeOwner", n.Owner, "marks the objects of this feed in their comments")
	// CloudFormation does not deploy a template that has another metadata only. In
	// the template of a feed without a connection a column stands nowhere else, and
	// `ingest sql` would go on with the one before.
	output(p.site.stack, id, "SnowflakeDefinition", digest(text(s), 8), "changes with what the objects are made from")
	if n.TopicARN != "" {
		output(p.site.stack, id, "SnowflakeTopic", n.TopicARN, "tells Snowflake of new objects")
	}
	if p.SnowflakeRole != nil {
		output(p.site.stack, id, "SnowflakeRoleArn", *p.SnowflakeRole.RoleArn(), "STORAGE_AWS_ROLE_ARN of the storage integration")
	}
}

// metadataKey is where a template tells the tools of its feeds.
const metadataKey = "Ingestion"

// addMetadata adds what is known of the feed at synthesis to the template's
// metadata, under the name that its outputs begin with. c is how it reaches
// Snowflake, nil for not at all; of the secret it has the name only. It reports
// whether the stack has no other feed yet.
func (p *IngestionPipeline) addMetadata(id string, c *SnowflakeConnection) (alone bool) {
	stack := p.site.stack
	feeds := map[string]any{}
	if all := stack.TemplateOptions().Metadata(); all != nil {
		if others, ok := (*all)[metadataKey].(map[string]any); ok {
			feeds = others
		}
	}
	of := map[string]any{"Spec": plain(p.Spec)}
	if p.Snowflake != nil {
		of["Snowflake"] = plain(p.Snowflake)
	}
	if c != nil {
		connection := *c
		if isToken(c.Secret) {
			// A template keeps the expression, of which the tools could make nothing.
			connection.Secret = ""
			output(p.site.stack, id, "SnowflakeSecret", c.Secret, "the secret with the key of the Snowflake user")
		}
		of["Connection"] = plain(connection)
	}
	alone = len(feeds) == 0
	feeds[outputPrefix(id)] = of
	stack.AddMetadata(jsii.String(metadataKey), feeds)
	return alone
}
