package constructs

import (
	"example.com/ingestion/constructs/internal/output"
	"example.com/ingestion/constructs/internal/snowflakeobjects"
	"example.com/ingestion/constructs/internal/topic"
	"example.com/ingestion/snowflake"
)

// addSnowflake makes the feed's role and, with a connection, everything in
// Snowflake. source is the topic of the source objects, nil for none.
func (p *IngestionPipeline) addSnowflake(id string, props IngestionPipelineProps, source *topic.Output, alarmed bool) {
	to := *props.Snowflake
	spec := to.spec(p.Spec)
	c := snowflakeobjects.Config{
		Settings: p.settings, Identity: p.identity(), Spec: spec,
		Connection: to.Connection, Principal: to.Principal, ExternalID: to.ExternalID,
		// With the construct's ID, as its outputs have it. With another ID the feed is
		// another one to CloudFormation, which then deletes the one before: with the
		// same owner that would drop what the new one has just taken over.
		Owner:      p.scope.Account() + "/" + p.scope.Region() + "/" + p.scope.Name() + "/" + output.Prefix(id),
		BucketName: p.Store.names.bucket, BucketARN: p.Store.names.bucketARN,
	}
	if p.settings.Key != nil {
		c.KeyARN = *p.settings.Key.KeyArn()
	}
	if spec.From == snowflake.FromFiles {
		p.useSourceBucket(&c, props)
	}
	if notified(spec) {
		c.TopicARN, c.Ready = p.Store.names.topicARN, p.Store.ready
		if source != nil {
			c.TopicARN, c.Ready = *source.Topic.TopicArn(), source.Ready
		}
	}
	check := snowflakeobjects.CheckConfig{
		Settings: p.settings, Spec: spec, Table: p.Store.names.table, TableARN: p.Store.names.tableARN,
		OwnItems: p.ownItems(), AlarmTopicARN: p.Store.names.alarmTopicARN,
	}
	checked := alarmed && props.checkable()
	if checked {
		check.Connection = *to.Connection
		c.Check = check.Statements()
	}
	made := snowflakeobjects.New(p.Construct, c)
	p.Snowflake = &made.Spec
	if made.Role != nil {
		p.SnowflakeRole = made.Role
	}
	if made.Function != nil {
		p.SnowflakeFunction = made.Function.Function
	}
	p.addSnowflakeOutputs(id, made.Spec, made.Names)
	if checked {
		snowflakeobjects.NewCheck(p.Construct, check)
	}
	if to.Connection != nil && spec.Load == snowflake.ExternalTable {
		check.Connection = *to.Connection
		snowflakeobjects.NewRefresh(p.Construct, check)
	}
}

// useSourceBucket has the stage show the bucket of the feed's only source.
func (p *IngestionPipeline) useSourceBucket(c *snowflakeobjects.Config, props IngestionPipelineProps) {
	if p.SourceBucket != nil {
		c.BucketName, c.BucketARN = *p.SourceBucket.BucketName(), *p.SourceBucket.BucketArn()
	} else {
		c.BucketName = p.Spec.Sources[0].Bucket
		c.BucketARN = p.scope.BucketARN(c.BucketName)
	}
	if key := props.sources()[0].KeyARN; key != "" {
		c.KeyARN = key
	}
}
