package test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// wildcard is a resource with a wildcard that a policy may have, and why nothing
// narrower is possible.
type wildcard struct {
	// actions are the actions that the statement may have.
	actions []string
	// resource is a regular expression for the whole resource.
	resource, reason string
	used             bool
}

var (
	readObjects  = []string{"s3:GetObject", "s3:GetObjectVersion"}
	writeObjects = []string{"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"}
)

// arnOf is the ARN of a resource of the same stack or an export of another.
const arnOf = `\{"Fn::(GetAtt|ImportValue)":[^}]*\}`

func allowedWildcards() []*wildcard {
	return []*wildcard{
		{actions: append(slices.Clone(writeObjects), "s3:GetObjectVersion"), resource: `.*/(landing|quarantine)/[a-z0-9-]+/\*`, reason: "the feed's own prefix: the names below come with the data"},
		{actions: []string{"s3:GetObject", "s3:PutObject"}, resource: arnOf + `/(landing|quarantine)/\*`, reason: "the parts and the quarantine of every feed, which load serves"},
		{actions: readObjects, resource: arnOf + `/([a-z0-9-]+/)*\*`, reason: "the feed's source bucket, below the prefix that is given"},
		{actions: readObjects, resource: `arn:\{"Ref":"AWS::Partition"\}:s3:::[a-z0-9.-]+/.*\*`, reason: "the source bucket of somebody else, below the prefix that is given"},
		{actions: []string{"s3:PutObject"}, resource: arnOf + `/(changes|aws/lambda)/\*`, reason: "the changes of every feed, and where Lambda puts batches that it gave up on"},
		{actions: []string{"dynamodb:ListStreams"}, resource: arnOf + `/stream/\*`, reason: "the streams of one table, among which Lambda finds the one to read"},
		{actions: []string{"secretsmanager:GetSecretValue"}, resource: `.*:secret:[^*]*-\?\?\?\?\?\?`, reason: "the six characters that Secrets Manager adds to the name of a secret"},
	}
}

// allowedInKeys are wildcards that the policy of a key may have.
var allowedInKeys = map[string]string{
	"*":     "this key",
	"kms:*": "the account, whose identity policies then say who may use the key: without it the key could not be managed at all",
}

// deletion is what the CDK writes into the policy of a bucket that is to be
// emptied; such a bucket needs DeleteData and the context flag.
var deletion = []string{"s3:DeleteObject*", "s3:GetBucket*", "s3:List*", "s3:PutBucketPolicy"}

// TestWildcards reads every policy of every snapshot.
func TestWildcards(t *testing.T) {
	allowed := allowedWildcards()
	checked := map[string]int{}
	for file, tpl := range snapshotTemplates(t) {
		for id, r := range tpl.Resources {
			for _, s := range statementsOf(r) {
				checked[r.Type]++
				if s.Effect == "Deny" {
					continue // a denial may be wide
				}
				where := fmt.Sprintf("%s: %s", file, id)
				if r.Type == "AWS::KMS::Key" {
					for _, v := range append(slices.Clone(s.Action), s.Resource...) {
						if strings.Contains(v, "*") && allowedInKeys[v] == "" {
							t.Errorf("%s: %s in the policy of a key", where, v)
						}
						if v == "kms:*" && text(s.Principal) != `{"AWS":arn:{"Ref":"AWS::Partition"}:iam::{"Ref":"AWS::AccountId"}:root}` && !strings.Contains(text(s.Principal), ":root") {
							t.Errorf("%s: %s for %s", where, v, text(s.Principal))
						}
					}
					continue
				}
				if r.Type == "AWS::S3::BucketPolicy" && slices.Equal(s.Action, deletion) {
					continue
				}
				checkWildcards(t, where, s, allowed)
			}
			if r.Properties["ManagedPolicyArns"] != nil {
				t.Errorf("%s: %s has managed policies %v", file, id, r.Properties["ManagedPolicyArns"])
			}
		}
	}
	for _, kind := range []string{"AWS::IAM::Policy", "AWS::IAM::Role", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::KMS::Key"} {
		if checked[kind] == 0 {
			t.Errorf("no policy of type %s was checked", kind)
		}
	}
	for _, w := range allowed {
		if !w.used {
			t.Errorf("nothing needs %v on %s any more: %s", w.actions, w.resource, w.reason)
		}
	}
}

func checkWildcards(t *testing.T, where string, s statement, allowed []*wildcard) {
	t.Helper()
	for _, action := range s.Action {
		if strings.ContainsAny(action, "*?") {
			t.Errorf("%s: action %s is a wildcard", where, action)
		}
	}
	for _, r := range s.Resource {
		if !strings.ContainsAny(r, "*?") {
			continue
		}
		found := false
		for _, w := range allowed {
			if regexp.MustCompile("^(?:"+w.resource+")$").MatchString(r) && !slices.ContainsFunc(s.Action, func(a string) bool { return !slices.Contains(w.actions, a) }) {
				found, w.used = true, true
			}
		}
		if !found {
			t.Errorf("%s: resource %s of %v is a wildcard", where, r, s.Action)
		}
	}
}

// statementsOf returns those of every policy of a resource.
func statementsOf(r resource) []statement {
	var all []statement
	for _, name := range []string{"PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument"} {
		if document := r.Properties[name]; document != nil {
			all = append(all, statements(document)...)
		}
	}
	inline, _ := r.Properties["Policies"].([]any)
	for _, p := range inline {
		all = append(all, statements(p.(map[string]any)["PolicyDocument"])...)
	}
	return all
}

// A statement for all principals only denies.
func TestAllPrincipalsAreOnlyDenied(t *testing.T) {
	for file, tpl := range snapshotTemplates(t) {
		for id, r := range tpl.Resources {
			for _, s := range statementsOf(r) {
				principal := text(s.Principal)
				if s.Effect == "Allow" && (principal == "*" || strings.Contains(principal, `"*"`)) {
					t.Errorf("%s: %s allows all principals %v", file, id, s.Action)
				}
			}
		}
	}
}

// sourceHere matches a condition on the ARN of something in the same template,
// which has the account in it.
var sourceHere = regexp.MustCompile(`"aws:SourceArn":\[?\{"(Fn::GetAtt|Ref)"`)

// forAnyAccount are the services that AWS documents not to send aws:SourceAccount, or
// of which no documentation says that they do, for an action on a type of resource.
// A key is restricted by the policies of the topics and queues that it encrypts.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
var forAnyAccount = []string{
	`AWS::SNS::TopicPolicy "events.amazonaws.com" [sns:Publish]`,
	`AWS::KMS::Key "events.amazonaws.com" [kms:Decrypt kms:GenerateDataKey]`,
	`AWS::KMS::Key "s3.amazonaws.com" [kms:Decrypt kms:GenerateDataKey]`,
	`AWS::KMS::Key "sns.amazonaws.com" [kms:Decrypt kms:GenerateDataKey]`,
}

// A service of AWS may use a topic, a queue or a key for this account only. Those in
// forAnyAccount must have no condition at all.
func TestServicesActForThisAccount(t *testing.T) {
	for file, tpl := range snapshotTemplates(t) {
		for id, r := range tpl.Resources {
			if r.Type != "AWS::SNS::TopicPolicy" && r.Type != "AWS::KMS::Key" && r.Type != "AWS::SQS::QueuePolicy" {
				continue
			}
			for _, s := range statementsOf(r) {
				principal, _ := s.Principal.(map[string]any)
				if s.Effect == "Allow" && slices.Contains(forAnyAccount, fmt.Sprintf("%s %q %v", r.Type, principal["Service"], s.Action)) {
					if s.Condition != nil {
						t.Errorf("%s: %s: %s may %v under %s, which AWS may not meet", file, id, text(principal["Service"]), s.Action, text(s.Condition))
					}
					continue
				}
				if s.Effect == "Allow" && principal["Service"] != nil && !strings.Contains(text(s.Condition), "AWS::AccountId") && !sourceHere.MatchString(text(s.Condition)) {
					t.Errorf("%s: %s: %s may %v for any account", file, id, text(principal["Service"]), s.Action)
				}
			}
		}
	}
}
