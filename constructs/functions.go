package constructs

import (
	"fmt"
	"maps"
	"strings"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/constructs/internal/bucket"
	"example.com/ingestion/constructs/internal/buffer"
	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/kmskey"
	"example.com/ingestion/constructs/internal/nag"
	"example.com/ingestion/feed"
)

// addFunctions makes load and unpack, and the queues before them. env is the
// feed's spec for the environment of the functions.
func (p *IngestionPipeline) addFunctions(props IngestionPipelineProps, env string) {
	p.common = function.Config{
		Settings: p.settings,
		Of:       "of feed " + p.Spec.Feed,
		Environment: map[string]string{
			feed.EnvSpec:          env,
			feed.EnvLandingBucket: p.Store.names.bucket,
			feed.EnvTable:         p.Store.names.table,
		},
	}
	if len(p.emitted) > 0 {
		p.common.Environment[feed.EnvMetrics] = strings.Join(p.emitted, ",")
	}
	if props.Buffer == Queue {
		p.buffer = buffer.New(p.Construct, buffer.Config{
			Settings: p.settings, Feed: p.Spec.Feed, Failures: p.failures,
			Unpack: props.Unpack.size(), Load: props.Load.size(), DrainName: p.functionName(assets.Drain),
		})
		p.UnpackQueue, p.LoadQueue = p.buffer.Unpack, p.buffer.Load
	} else {
		nag.Suppress(p.FailureQueue, "AwsSolutions-SQS3", "It is a dead-letter queue itself: an alarm reports its messages, and `ingest replay` receives them")
	}
	p.load = p.newLoad(props.Load)
	p.unpack = p.newUnpack(props.Unpack)
	p.Load, p.LoadLogs = p.load.Function, p.load.Logs
	p.Unpack, p.UnpackLogs = p.unpack.Function, p.unpack.Logs
	bucket.UseLogs(p.scope, p.unpack.Logs)
	if p.buffer != nil {
		p.buffer.Attach(p.unpack, p.load)
		p.Drain = p.buffer.DrainFunction.Function
	}
}

func (p *IngestionPipeline) newLoad(props FunctionProps) *function.Output {
	c := p.common
	c.Asset, c.Size = assets.Load, props.size()
	if p.buffer != nil {
		c.Queue = p.buffer.Load
	}
	c.Description = fmt.Sprintf("Feed %s: loads parts into the table", p.Spec.Feed)
	f := function.NewAsync(p.Construct, "Load", c, p.failures.ARN)
	f.Allow(nil, []string{p.objects(p.Spec.LandingPrefix)}, "s3:GetObject")
	f.Allow(nil, []string{p.objects(p.Spec.QuarantinePrefix)}, "s3:PutObject")
	// The ledger's transactions are updates. It queries where it counts parts again.
	p.allowTable(f, "dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem")
	f.AllowKey(kmskey.Table)
	p.allowWildcards(f)
	return f
}

func (p *IngestionPipeline) newUnpack(props FunctionProps) *function.Output {
	c := p.common
	c.Asset, c.Size = assets.Unpack, props.size()
	c.Description = fmt.Sprintf("Feed %s: splits source objects into parts", p.Spec.Feed)
	c.Environment = maps.Clone(c.Environment)
	if p.buffer != nil {
		c.Queue = p.buffer.Unpack
		c.Environment[feed.EnvLoadQueueURL] = *p.buffer.Load.Ref()
	} else {
		c.Environment[feed.EnvLoadFunction] = p.load.ARN()
	}
	f := function.NewAsync(p.Construct, "Unpack", c, p.failures.ARN)
	f.Allow(nil, []string{p.objects(p.Spec.LandingPrefix), p.objects(p.Spec.QuarantinePrefix)}, "s3:PutObject")
	// Only files that go to quarantine whole are copied in several requests.
	f.Allow(nil, []string{p.objects(p.Spec.QuarantinePrefix)}, "s3:AbortMultipartUpload")
	// A replay reads what is in quarantine, and deletes it once it is stored elsewhere.
	f.Allow(nil, []string{p.objects(p.Spec.QuarantinePrefix)}, "s3:DeleteObject", "s3:GetObject")
	f.Allow(map[string]any{"StringLike": map[string]any{"s3:prefix": p.Spec.QuarantinePrefix + p.Spec.Feed + "/*"}},
		[]string{p.Store.names.bucketARN}, "s3:ListBucket")
	p.allowTable(f, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem")
	if p.buffer != nil {
		f.Allow(nil, []string{*p.buffer.Load.AttrArn()}, "sqs:SendMessage")
	} else {
		f.Allow(nil, []string{p.load.ARN()}, "lambda:InvokeFunction")
	}
	f.AllowKey(kmskey.Table)
	p.allowWildcards(f)
	return f
}

// allowWildcards gives the reason for the wildcards that both functions have.
func (p *IngestionPipeline) allowWildcards(f *function.Output) {
	f.AllowWildcards("The feed's own prefixes of the landing bucket: the names below come with the data",
		"/"+p.Spec.LandingPrefix+p.Spec.Feed+"/*", "/"+p.Spec.QuarantinePrefix+p.Spec.Feed+"/*")
}

// objects is the ARN of the feed's objects under a prefix of the landing bucket.
func (p *IngestionPipeline) objects(prefix string) string {
	return p.Store.names.bucketARN + "/" + prefix + p.Spec.Feed + "/*"
}

// allowTable allows actions on the items of this feed only. The index is left
// out: it is for operators.
func (p *IngestionPipeline) allowTable(f *function.Output, actions ...string) {
	f.Allow(p.ownItems(), []string{p.Store.names.tableARN}, actions...)
}

// ownItems is the condition that limits a statement to the items of this feed:
// each of their partition keys starts with its name.
func (p *IngestionPipeline) ownItems() map[string]any {
	return map[string]any{"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": p.Spec.Feed + "#*"}}
}
