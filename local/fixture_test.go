package local

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example.com/ingestion/local/lambdahost"
)

// start starts a local AWS that is closed at the end of the test.
func start(t *testing.T) *Env {
	t.Helper()
	return startWith(t, testOptions(t.TempDir(), t.Output()))
}

func startWith(t *testing.T, o Options) *Env {
	t.Helper()
	if testing.Short() {
		t.Skip("starts moto_server")
	}
	env, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return env
}

func testOptions(dir string, log io.Writer) Options {
	return Options{Dir: dir, Repo: "..", Log: log, IAM: IAMEnforced, Host: lambdahost.Options{RetryDelay: 20 * time.Millisecond}}
}

// shared is the local AWS of sharedFixture; TestMain closes it.
var shared struct {
	sync.Once
	env *Env
	dir string
	err error
}

func closeShared() error {
	if shared.env == nil {
		return nil
	}
	return errors.Join(shared.env.Close(), os.RemoveAll(shared.dir))
}

// sharedFixture is a fixture for tests that run no function: they share one local
// AWS, so their stacks, buckets, tables and queues must have different names.
func sharedFixture(t *testing.T) *fixture {
	t.Helper()
	if testing.Short() {
		t.Skip("starts moto_server")
	}
	shared.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "local-aws-"); shared.err != nil { //nolint:usetesting // shared by several tests
			return
		}
		shared.env, shared.err = Start(context.Background(), testOptions(shared.dir, io.Discard))
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return fixtureOf(t, shared.env)
}

// fixture is a local AWS with clients for it, and helpers for a stack of
// testdata/stack.json.
type fixture struct {
	*testing.T
	env *Env
	cfn *cloudformation.Client
	db  *dynamodb.Client
	s3  *s3.Client
	sqs *sqs.Client

	started  time.Time
	requests int // number of requests to custom resources that were checked
}

// maxTestTime is longer than the duration of any of these tests.
const maxTestTime = 10 * time.Minute

func newFixture(t *testing.T) *fixture { return fixtureOf(t, start(t)) }

func fixtureOf(t *testing.T, env *Env) *fixture {
	t.Helper()
	cfg, err := env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{
		T: t, env: env, started: time.Now().Truncate(time.Second),
		cfn: cloudformation.NewFromConfig(cfg), db: dynamodb.NewFromConfig(cfg), s3: s3.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg),
	}
}

func (f *fixture) idle() {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 20*time.Second)
	defer cancel()
	if err := f.env.Host().Idle(ctx); err != nil {
		f.Fatal(err)
	}
}

// uploadCode uploads the package of the function, which runs this test binary, to a bucket.
func (f *fixture) uploadCode() {
	f.Helper()
	self, err := os.Executable()
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("bootstrap")
	if err != nil {
		f.Fatal(err)
	}
	if _, err := fmt.Fprintf(w, "#!/bin/sh\nexec %q\n", self); err != nil {
		f.Fatal(err)
	}
	if err := z.Close(); err != nil {
		f.Fatal(err)
	}
	if _, err := f.s3.CreateBucket(f.Context(), &s3.CreateBucketInput{Bucket: aws.String("code")}); err != nil {
		f.Fatal(err)
	}
	f.put("code", "function.zip", b.String())
}

func (f *fixture) put(bucket, key, body string) {
	f.Helper()
	if _, err := f.s3.PutObject(f.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}); err != nil {
		f.Fatal(err)
	}
}

// template is testdata/stack.json with the resources that edit changes.
func (f *fixture) template(edit func(resources map[string]any)) string {
	f.Helper()
	b, err := os.ReadFile("testdata/stack.json")
	if err != nil {
		f.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte("ARCHITECTURE"), []byte(lambdahost.Architecture()))
	var t map[string]any
	if err := json.Unmarshal(b, &t); err != nil {
		f.Fatal(err)
	}
	edit(t["Resources"].(map[string]any))
	if b, err = json.Marshal(t); err != nil {
		f.Fatal(err)
	}
	return string(b)
}

func unchanged(map[string]any) {}

// at returns the nested object of a template at a path.
func at(v any, path ...string) map[string]any {
	for _, p := range path {
		v = v.(map[string]any)[p]
	}
	return v.(map[string]any)
}

func (f *fixture) create(name, template string) {
	f.Helper()
	if _, err := f.cfn.CreateStack(f.Context(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &template}); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) update(name, template string) {
	f.Helper()
	if _, err := f.cfn.UpdateStack(f.Context(), &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &template}); err != nil {
		f.Fatal(err)
	}
}

// delete deletes a stack and returns its final state.
func (f *fixture) delete(name string) cfntypes.Stack {
	f.Helper()
	id := aws.ToString(f.stack(name).StackId)
	if _, err := f.cfn.DeleteStack(f.Context(), &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
		f.Fatal(err)
	}
	return f.stack(id)
}

// stack waits for the end of the current operation and returns the stack.
func (f *fixture) stack(name string) cfntypes.Stack {
	f.Helper()
	for {
		out, err := f.cfn.DescribeStacks(f.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			f.Fatal(err)
		}
		if !strings.HasSuffix(string(out.Stacks[0].StackStatus), "_IN_PROGRESS") {
			return out.Stacks[0]
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// events are the resources, statuses and reasons of a stack's events, the latest first.
func (f *fixture) events(name string) []string {
	f.Helper()
	out, err := f.cfn.DescribeStackEvents(f.Context(), &cloudformation.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		f.Fatal(err)
	}
	var all []string
	for _, e := range out.StackEvents {
		all = append(all, fmt.Sprintf("%s %s %s", aws.ToString(e.LogicalResourceId), e.ResourceStatus, aws.ToString(e.ResourceStatusReason)))
	}
	return all
}

func (f *fixture) wantStatus(name string, want cfntypes.StackStatus) {
	f.Helper()
	if s := f.stack(name); s.StackStatus != want {
		f.Fatalf("stack %s is in %s, want %s: %v", name, s.StackStatus, want, failures(f.Context(), f.cfn, s))
	}
}

func (f *fixture) outputs(name string) map[string]string {
	f.Helper()
	out, err := f.env.Outputs(f.Context(), name)
	if err != nil {
		f.Fatal(err)
	}
	return out
}

// physicalID is the last part of a resource's physical ID.
func (f *fixture) physicalID(stack, logicalID string) string {
	f.Helper()
	out, err := f.cfn.DescribeStackResource(f.Context(), &cloudformation.DescribeStackResourceInput{StackName: &stack, LogicalResourceId: &logicalID})
	if err != nil {
		f.Fatal(err)
	}
	id := aws.ToString(out.StackResourceDetail.PhysicalResourceId)
	return id[strings.LastIndex(id, "/")+1:]
}

func (f *fixture) item(table, pk string) map[string]types.AttributeValue {
	f.Helper()
	out, err := f.db.GetItem(f.Context(), &dynamodb.GetItemInput{TableName: &table, Key: map[string]types.AttributeValue{"pk": text(pk)}})
	if err != nil {
		f.Fatal(err)
	}
	return out.Item
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func value(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func (f *fixture) empty(bucket string) {
	f.Helper()
	out, err := f.s3.ListObjectVersions(f.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket})
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range out.Versions {
		if _, err := f.s3.DeleteObject(f.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId}); err != nil {
			f.Fatal(err)
		}
	}
}

func (f *fixture) queueURL(name string) *string {
	f.Helper()
	out, err := f.sqs.GetQueueUrl(f.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		f.Fatal(err)
	}
	return out.QueueUrl
}

func (f *fixture) receiveAll(queue *string) []string {
	f.Helper()
	out, err := f.sqs.ReceiveMessage(f.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue, MaxNumberOfMessages: 10})
	if err != nil {
		f.Fatal(err)
	}
	var bodies []string
	for _, m := range out.Messages {
		bodies = append(bodies, aws.ToString(m.Body))
		if _, err := f.sqs.DeleteMessage(f.Context(), &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
			f.Fatal(err)
		}
	}
	return bodies
}
