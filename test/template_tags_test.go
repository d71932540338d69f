package test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// taggable are the types that take tags, all as a list called Tags but for
// the table, whose replica has them. untaggable take none.
var (
	taggable = []string{
		"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::DynamoDB::GlobalTable", "AWS::Events::Rule", "AWS::IAM::Role", "AWS::KMS::Key",
		"AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function", "AWS::Logs::LogGroup",
		"AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue",
	}
	untaggable = []string{
		"AWS::IAM::Policy", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission",
		"AWS::S3::BucketPolicy", "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
	}
)

// requireTags requires each of the names of every taggable resource.
func requireTags(t *testing.T, file string, tpl template, names ...string) {
	t.Helper()
	for id, r := range tpl.Resources {
		switch {
		case strings.HasPrefix(r.Type, "Custom::") || slices.Contains(untaggable, r.Type):
			continue
		case !slices.Contains(taggable, r.Type):
			t.Errorf("%s: %s is of type %s: does it take tags?", file, id, r.Type)
			continue
		case strings.HasPrefix(id, "CustomS3AutoDeleteObjects"):
			continue // the CDK gives its own function no tags, and no way to have them
		}
		tags, _ := r.Properties["Tags"].([]any)
		if replicas, ok := r.Properties["Replicas"].([]any); ok {
			tags, _ = replicas[0].(map[string]any)["Tags"].([]any)
		}
		var got []string
		for _, tag := range tags {
			got = append(got, tag.(map[string]any)["Key"].(string))
		}
		for _, name := range names {
			if !slices.Contains(got, name) {
				t.Errorf("%s: %s of type %s has tags %v, want %s too", file, id, r.Type, got, name)
			}
		}
	}
}

func TestTags(t *testing.T) {
	for file, tpl := range snapshotTemplates(t) {
		var want []string
		name := filepath.Base(file)
		if strings.HasPrefix(name, "demo.") {
			want = append(want, "app")
		}
		if !strings.Contains(name, ".Store_") {
			want = append(want, "feed")
		}
		requireTags(t, file, tpl, want...)
	}
}
