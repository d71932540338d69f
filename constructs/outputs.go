package constructs

import (
	"example.com/ingestion/constructs/internal/output"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

func (p *IngestionPipeline) addOutputs(id string) {
	s := p.Spec
	add := func(name, value, description string) { output.Add(p.scope.Stack, id, name, value, description) }
	add("Feed", s.Feed, "the name of the feed")
	if p.SourceBucket != nil {
		add("SourceBucket", *p.SourceBucket.BucketName(), "put the files of the feed here")
	}
	add("LandingBucket", p.Store.names.bucket, "the parts and the quarantine")
	add("LandingPrefix", s.LandingPrefix+s.Feed+"/", "the parts of the feed")
	add("QuarantinePrefix", s.QuarantinePrefix+s.Feed+"/", "records and files that could not be loaded, with the reason")
	add("Table", p.Store.names.table, "the records and the ledger")
	add("Topic", p.Store.names.topicARN, "announces every part")
	add("UnpackFunction", p.unpack.Name(), "turns source objects into parts")
	add("LoadFunction", p.Store.names.loadName, "turns parts into items of the table, for every feed of the store")
	add("FailureQueueUrl", *p.FailureQueue.QueueUrl(), "events that failed, for ingest replay")
	if s.RecordKey != nil {
		add("RecordKey", stackscope.JSON(s.RecordKey), "the key of the records in the index "+feed.KeyIndex)
	}
	if p.Alarms != nil {
		add("AlarmTopic", p.Store.names.alarmTopicARN, "is notified of the alarms of the feed")
	}
	if p.discover != nil {
		add("DiscoverFunction", p.discover.Name(), "lists the external buckets")
	}
	if p.SourceTopic != nil {
		add("SourceTopic", *p.SourceTopic.TopicArn(), "announces every source object")
	}
}

// addSnowflakeOutputs adds what the objects in Snowflake are made with, as far
// as it is known at deployment only, and what to query.
func (p *IngestionPipeline) addSnowflakeOutputs(id string, s snowflake.Spec, n snowflake.Names) {
	add := func(name, value, description string) { output.Add(p.scope.Stack, id, name, value, description) }
	add("SnowflakeView", snowflake.Qualified(s.Database, s.Schema, s.View), "query this: each record once, in its latest state")
	if len(s.Key) > 0 {
		add("SnowflakeLatest", s.LatestName().Name(), "the newest record of each key")
	}
	add("SnowflakeTable", snowflake.Qualified(s.Database, s.Schema, s.Table), "has each row that was loaded")
	add("SnowflakeBucket", n.Bucket, "has what the stage shows")
	add("SnowflakeOwner", n.Owner, "marks the objects of this feed in their comments")
	// CloudFormation does not deploy a template of which only the metadata changed. In
	// the template of a feed without a connection a column is nowhere else, and
	// `ingest sql` would print the one before.
	add("SnowflakeDefinition", stackscope.Digest(stackscope.JSON(s), 8), "changes with what the objects are made from")
	if n.TopicARN != "" {
		add("SnowflakeTopic", n.TopicARN, "notifies Snowflake of new objects")
	}
	if p.SnowflakeRole != nil {
		add("SnowflakeRoleArn", *p.SnowflakeRole.RoleArn(), "STORAGE_AWS_ROLE_ARN of the storage integration")
	}
}
