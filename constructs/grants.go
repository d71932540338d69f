package constructs

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
)

// GrantPut lets a principal of the same account put files into the feed's own
// bucket, below the prefix of its source, encrypted with the store's key if there
// is one. It adds to the policy of the principal alone, so that no template changes
// but those of the principal and of the feed.
//
// A feed without NewBucket returns an error: grant with the bucket that it names. A
// principal of another account needs the bucket's policy too, which
// SourceBucket.AddToResourcePolicy changes.
func (p *IngestionPipeline) GrantPut(grantee awsiam.IGrantable) (_ awsiam.Grant, err error) {
	if p.SourceBucket == nil {
		return nil, fmt.Errorf("feed %q: GrantPut: the feed has no bucket of its own: grant s3:PutObject on the bucket that its source names, or give it NewBucket()", p.Spec.Feed)
	}
	defer CatchPanic(&err)
	var prefix string
	for _, s := range p.Spec.Sources {
		if s.Kind == feed.OwnBucket {
			prefix = s.Prefix
		}
	}
	grant := allow(grantee, nil, []string{*p.SourceBucket.BucketArn() + "/" + stackscope.EscapeIAM(prefix) + "*"}, "s3:AbortMultipartUpload", "s3:PutObject")
	if key := p.Store.Key; key != nil {
		// To write the parts of a multipart upload, S3 also decrypts.
		grant = grant.Combine(allow(grantee, nil, []string{*key.KeyArn()}, "kms:Decrypt", "kms:GenerateDataKey"))
	}
	return grant, nil
}

// GrantRead lets a principal of the same account read the feed's records and its
// ledger in the store's table, and no other feed's: what package records and
// queries by the table's keys need. With a RecordKey that has a name, it may read the
// records of every feed that shares it in the index; package records reads their ledger too,
// for which each of these feeds has to be granted. It adds to the policy of the principal alone,
// and refers to names that the store exports in any case, so that the templates
// of the store and of other feeds do not change.
//
// To find a feed by its name, as records.Open does, takes
// cloudformation:DescribeStacks and cloudformation:ListStacks too; records.New does not.
func (p *IngestionPipeline) GrantRead(grantee awsiam.IGrantable) (_ awsiam.Grant, err error) {
	defer CatchPanic(&err)
	table := p.Store.names.tableARN
	grant := allow(grantee, p.ownItems(), []string{table}, "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query")
	// The index has the uploads of each feed under its name, and a number after it.
	uploads := map[string]any{"ForAllValues:StringEquals": map[string]any{"dynamodb:LeadingKeys": feed.LedgerIndexKeys(p.Spec.Feed)}}
	grant = grant.Combine(allow(grantee, uploads, []string{table + "/index/" + feed.LedgerIndex}, "dynamodb:Query"))
	if k := p.Spec.RecordKey; k != nil {
		keys := map[string]any{"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": stackscope.EscapeIAM(k.Prefix(p.Spec.Feed)) + "*"}}
		grant = grant.Combine(allow(grantee, keys, []string{table + "/index/" + feed.KeyIndex}, "dynamodb:Query"))
	}
	if key := p.Store.Key; key != nil {
		grant = grant.Combine(allow(grantee, nil, []string{*key.KeyArn()}, "kms:Decrypt", "kms:DescribeKey"))
	}
	return grant, nil
}

// allow adds a statement to the identity policy of a principal.
func allow(grantee awsiam.IGrantable, conditions map[string]any, resources []string, actions ...string) awsiam.Grant {
	options := &awsiam.GrantOnPrincipalOptions{Grantee: grantee, Actions: jsii.Strings(actions...), ResourceArns: jsii.Strings(resources...)}
	if conditions != nil {
		all := map[string]*map[string]any{}
		for operator, values := range conditions {
			of := values.(map[string]any)
			all[operator] = &of
		}
		options.Conditions = &all
	}
	return awsiam.Grant_AddToPrincipal(options)
}
