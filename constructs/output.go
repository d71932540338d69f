package constructs

import (
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"ingestion/snowflake"
)

var notAlphanumeric = regexp.MustCompile(`[^A-Za-z0-9]`)

// outputPrefix is id as it stands before the names of outputs.
func outputPrefix(id string) string { return notAlphanumeric.ReplaceAllString(id, "") }

// output adds an output to the stack under <id><name>, without the hash that
// the CDK appends: scripts rely on these names.
func output(this core.Construct, id, name, value, description string) {
	out := awscdk.NewCfnOutput(this, jsii.String("Output"+name), &awscdk.CfnOutputProps{
		Value:       jsii.String(value),
		Description: jsii.String(description),
	})
	out.OverrideLogicalId(jsii.String(outputPrefix(id) + name))
}

func (p *IngestionPipeline) addOutputs(id string) {
	s := p.Spec
	output(p.Construct, id, "Feed", s.Feed, "the name of the feed")
	output(p.Construct, id, "SourceBucket", *p.SourceBucket.BucketName(), "put the files of the feed here")
	output(p.Construct, id, "LandingBucket", *p.Store.LandingBucket.BucketName(), "the parts, and what could not be loaded")
	output(p.Construct, id, "LandingPrefix", s.LandingPrefix+s.Feed+"/", "the parts of the feed")
	output(p.Construct, id, "QuarantinePrefix", s.QuarantinePrefix+s.Feed+"/", "what could not be loaded, with the reason")
	output(p.Construct, id, "Table", *p.Store.Table.TableName(), "the records and the ledger")
	output(p.Construct, id, "Topic", *p.Store.Topic.TopicArn(), "announces every part")
	output(p.Construct, id, "UnpackFunction", *p.Unpack.FunctionName(), "turns source objects into parts")
	output(p.Construct, id, "LoadFunction", *p.Load.FunctionName(), "turns parts into items of the table")
	output(p.Construct, id, "FailureQueueUrl", *p.FailureQueue.QueueUrl(), "events that the functions gave up on")
	if p.SourceTopic != nil {
		output(p.Construct, id, "SourceTopic", *p.SourceTopic.TopicArn(), "announces every source object")
	}
}

// addSnowflakeOutputs tells what the objects in Snowflake are made with, as far
// as it is known at deployment only, and what to query.
func (p *IngestionPipeline) addSnowflakeOutputs(id string, s snowflake.Spec, n snowflake.Names) {
	output(p.Construct, id, "SnowflakeView", snowflake.Qualified(s.Database, s.Schema, s.View), "query this: each record once, in its latest state")
	output(p.Construct, id, "SnowflakeTable", snowflake.Qualified(s.Database, s.Schema, s.Table), "takes the rows as they come")
	output(p.Construct, id, "SnowflakeBucket", n.Bucket, "has what the stage shows")
	output(p.Construct, id, "SnowflakeOwner", n.Owner, "marks the objects of this feed in their comments")
	// CloudFormation does not deploy a template that has another metadata only. In
	// the template of a feed without a connection a column stands nowhere else, and
	// `ingest sql` would go on with the one before.
	output(p.Construct, id, "SnowflakeDefinition", digest(text(s), 8), "changes with what the objects are made from")
	if n.TopicARN != "" {
		output(p.Construct, id, "SnowflakeTopic", n.TopicARN, "tells Snowflake of new objects")
	}
	if p.SnowflakeRole != nil {
		output(p.Construct, id, "SnowflakeRoleArn", *p.SnowflakeRole.RoleArn(), "STORAGE_AWS_ROLE_ARN of the storage integration")
	}
}

// metadataKey is where a template tells the tools of its feeds.
const metadataKey = "Ingestion"

// addMetadata adds what is known of the feed at synthesis to the template's
// metadata, under the name that its outputs begin with.
func (p *IngestionPipeline) addMetadata(id string) {
	stack := awscdk.Stack_Of(p.Construct)
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
	feeds[outputPrefix(id)] = of
	stack.AddMetadata(jsii.String(metadataKey), feeds)
}
