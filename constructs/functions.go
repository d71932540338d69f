package constructs

import (
	"fmt"
	"maps"
	"strings"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/constructs/internal/bucket"
	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/kmskey"
	"example.com/ingestion/constructs/internal/nag"
	"example.com/ingestion/feed"
)

// addUnpack makes unpack, and what the functions of the feed have in common. env is the
// feed's spec for the environment of the functions.
func (p *IngestionPipeline) addUnpack(props IngestionPipelineProps, env string) {
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
	nag.Suppress(p.FailureQueue, "AwsSolutions-SQS3", "It is a dead-letter queue itself: an alarm reports its messages, and `ingest replay` receives them")
	p.unpack = p.newUnpack(props.Unpack)
	p.Unpack, p.UnpackLogs = p.unpack.Function, p.unpack.Logs
	bucket.UseLogs(p.scope, p.unpack.Logs)
}

func (p *IngestionPipeline) newUnpack(props FunctionProps) *function.Output {
	c := p.common
	c.Asset, c.Size = assets.Unpack, props.size()
	c.Description = fmt.Sprintf("Feed %s: splits source objects into parts", p.Spec.Feed)
	c.Environment = maps.Clone(c.Environment)
	c.Environment[feed.EnvLoadFunction] = p.Store.names.loadARN
	f := function.NewAsync(p.Construct, "Unpack", c, p.failures.ARN)
	f.Allow(nil, []string{p.objects(p.Spec.LandingPrefix), p.objects(p.Spec.QuarantinePrefix)}, "s3:PutObject")
	// The metadata of a part tell whether an invocation that failed has written it.
	f.Allow(nil, []string{p.objects(p.Spec.LandingPrefix)}, "s3:GetObject")
	// Only files that go to quarantine whole are copied in several requests.
	f.Allow(nil, []string{p.objects(p.Spec.QuarantinePrefix)}, "s3:AbortMultipartUpload")
	// A replay reads what is in quarantine, and deletes it once it is stored elsewhere.
	f.Allow(nil, []string{p.objects(p.Spec.QuarantinePrefix)}, "s3:DeleteObject", "s3:GetObject")
	f.Allow(map[string]any{"StringLike": map[string]any{"s3:prefix": p.Spec.QuarantinePrefix + p.Spec.Feed + "/*"}},
		[]string{p.Store.names.bucketARN}, "s3:ListBucket")
	// The ledger's transactions are updates.
	f.Allow(p.ownItems(), []string{p.Store.names.tableARN},
		"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem")
	// It enters the feed as one with work, and looks for a loader that runs.
	f.Allow(map[string]any{"ForAllValues:StringEquals": map[string]any{"dynamodb:LeadingKeys": feed.LoadingKey}},
		[]string{p.Store.names.tableARN}, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")
	f.Allow(nil, []string{p.Store.names.loadARN}, "lambda:InvokeFunction")
	f.AllowKey(kmskey.Table)
	if p.Spec.Announce {
		f.AllowAnnouncements() // unpack completes an upload that has nothing to load
	}
	p.allowSecrets(f)
	f.AllowWildcards("The feed's own prefixes of the landing bucket: the names below come with the data",
		"/"+p.Spec.LandingPrefix+p.Spec.Feed+"/*", "/"+p.Spec.QuarantinePrefix+p.Spec.Feed+"/*")
	return f
}

// objects is the ARN of the feed's objects under a prefix of the landing bucket.
func (p *IngestionPipeline) objects(prefix string) string {
	return p.Store.names.bucketARN + "/" + prefix + p.Spec.Feed + "/*"
}

// ownItems is the condition that limits a statement to the items of this feed:
// each of their partition keys starts with its name. The index is left out: it is for
// operators.
func (p *IngestionPipeline) ownItems() map[string]any {
	return map[string]any{"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": p.Spec.Feed + "#*"}}
}
