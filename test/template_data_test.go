package test

import (
	"strings"
	"testing"

	"example.com/ingestion/constructs"
)

// Data are deleted only if both the prop and the context ask for it.
func TestDeleteData(t *testing.T) {
	for name, test := range map[string]struct {
		prop    bool
		context any
		deleted bool
	}{
		"neither":             {},
		"the prop":            {prop: true},
		"the context":         {context: "true"},
		"the context says no": {prop: true, context: "false"},
		"both":                {prop: true, context: "true", deleted: true},
		"both, of cdk.json":   {prop: true, context: true, deleted: true},
	} {
		t.Run(name, func(t *testing.T) {
			more := map[string]any{}
			if test.context != nil {
				more["deleteData"] = test.context
			}
			app := newAppWith(t, more)
			props := minimal("orders")
			props.DeleteData = test.prop
			props.Store = newStoreOf(t, app, constructs.StoreProps{DeleteData: test.prop, Key: constructs.NewKey()})
			newFeed(t, app, props)
			want := "Retain"
			if test.deleted {
				want = "Delete"
			}
			kept := 0
			for stack, tpl := range synth(t, app) {
				for id, r := range tpl.Resources {
					if r.Type != "AWS::S3::Bucket" && r.Type != "AWS::DynamoDB::GlobalTable" && r.Type != "AWS::KMS::Key" {
						continue
					}
					kept++
					if r.DeletionPolicy != want {
						t.Errorf("%s: %s: deletion policy %q, want %q", stack, id, r.DeletionPolicy, want)
					}
				}
				for id, table := range tpl.ofType("AWS::DynamoDB::GlobalTable") {
					if got := table.Properties["Replicas"].([]any)[0].(map[string]any)["DeletionProtectionEnabled"]; got != !test.deleted {
						t.Errorf("%s: deletion protection %v", id, got)
					}
				}
				if n := len(tpl.ofType("Custom::S3AutoDeleteObjects")); n > 0 != test.deleted {
					t.Errorf("%s: %d buckets are emptied", stack, n)
				}
			}
			if kept != 4 {
				t.Errorf("%d resources with data were checked", kept)
			}
		})
	}
}

// With a key, everything at rest is encrypted with it, and no feed changes the key.
func TestKey(t *testing.T) {
	for file, tpl := range snapshotTemplates(t) {
		if !strings.Contains(file, "/comprehensive.") && !strings.Contains(file, "/disposable.") {
			continue
		}
		for id, r := range tpl.Resources {
			var with any
			switch r.Type {
			case "AWS::S3::Bucket", "AWS::DynamoDB::GlobalTable", "AWS::SQS::Queue":
				with = r.Properties
			case "AWS::SNS::Topic":
				with = r.Properties["KmsMasterKeyId"]
			case "AWS::Logs::LogGroup":
				with = r.Properties["KmsKeyId"]
			case "AWS::Lambda::Function":
				if r.Properties["Environment"] == nil {
					continue
				}
				with = r.Properties["KmsKeyArn"]
			case "AWS::KMS::Key":
				if strings.Contains(file, "comprehensive.Feed") {
					t.Errorf("%s has a key of its own", file)
				}
				continue
			default:
				continue
			}
			if !strings.Contains(text(with), `StoreKey`) {
				t.Errorf("%s: %s of type %s is encrypted with %s", file, id, r.Type, text(with))
			}
		}
	}
}

// Every log group has a retention, and every function a log group of its own.
func TestLogsExpire(t *testing.T) {
	for file, tpl := range snapshotTemplates(t) {
		for id, r := range tpl.ofType("AWS::Logs::LogGroup") {
			if r.Properties["RetentionInDays"] == nil {
				t.Errorf("%s: %s never expires", file, id)
			}
		}
		for id, r := range tpl.ofType("AWS::Lambda::Function") {
			if !strings.Contains(text(r.Properties["LoggingConfig"]), `"LogGroup"`) {
				t.Errorf("%s: %s logs to a group that Lambda makes, which never expires", file, id)
			}
		}
	}
}

// TestFunctionsAreOfAValidSize: Lambda refuses other values at deployment,
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
func TestFunctionsAreOfAValidSize(t *testing.T) {
	for file, tpl := range snapshotTemplates(t) {
		for id, r := range tpl.ofType("AWS::Lambda::Function") {
			memory, hasMemory := r.Properties["MemorySize"].(float64)
			timeout, hasTimeout := r.Properties["Timeout"].(float64)
			if hasMemory && (memory < 128 || memory > 10240) || hasTimeout && (timeout < 1 || timeout > 900) {
				t.Errorf("%s: %s has %v MB and %v s", file, id, r.Properties["MemorySize"], r.Properties["Timeout"])
			}
		}
	}
}
