package local

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
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
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"example.com/ingestion/local/lambdahost"
)

func start(t *testing.T) *Env {
	t.Helper()
	if testing.Short() {
		t.Skip("starts moto_server")
	}
	env, err := Start(t.Context(), Options{Dir: t.TempDir(), Repo: "..", Log: t.Output(), Host: lambdahost.Options{RetryDelay: 20 * time.Millisecond}})
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

// world is one stack of testdata/stack.json and clients to look at it.
type world struct {
	*testing.T
	env *Env
	cfn *cloudformation.Client
	db  *dynamodb.Client
	s3  *s3.Client
	sqs *sqs.Client

	started  time.Time
	requests int // to custom resources, seen so far
}

// maxTestTime is more than any of these tests takes.
const maxTestTime = 10 * time.Minute

func newWorld(t *testing.T) *world {
	env := start(t)
	cfg, err := env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		T: t, env: env, started: time.Now().Truncate(time.Second),
		cfn: cloudformation.NewFromConfig(cfg), db: dynamodb.NewFromConfig(cfg), s3: s3.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg),
	}
}

func (w *world) idle() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
	defer cancel()
	if err := w.env.Host().Idle(ctx); err != nil {
		w.Fatal(err)
	}
}

// uploadCode puts the function's package, which runs this test binary, into a bucket.
func (w *world) uploadCode() {
	w.Helper()
	self, err := os.Executable()
	if err != nil {
		w.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("bootstrap")
	if err != nil {
		w.Fatal(err)
	}
	if _, err := fmt.Fprintf(f, "#!/bin/sh\nexec %q\n", self); err != nil {
		w.Fatal(err)
	}
	if err := z.Close(); err != nil {
		w.Fatal(err)
	}
	if _, err := w.s3.CreateBucket(w.Context(), &s3.CreateBucketInput{Bucket: aws.String("code")}); err != nil {
		w.Fatal(err)
	}
	w.put("code", "function.zip", b.String())
}

func (w *world) put(bucket, key, body string) {
	w.Helper()
	if _, err := w.s3.PutObject(w.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}); err != nil {
		w.Fatal(err)
	}
}

// template is testdata/stack.json after edit.
func (w *world) template(edit func(resources map[string]any)) string {
	w.Helper()
	b, err := os.ReadFile("testdata/stack.json")
	if err != nil {
		w.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte("ARCHITECTURE"), []byte(lambdahost.Architecture()))
	var t map[string]any
	if err := json.Unmarshal(b, &t); err != nil {
		w.Fatal(err)
	}
	edit(t["Resources"].(map[string]any))
	if b, err = json.Marshal(t); err != nil {
		w.Fatal(err)
	}
	return string(b)
}

func unchanged(map[string]any) {}

// at leads through nested objects of a template.
func at(v any, path ...string) map[string]any {
	for _, p := range path {
		v = v.(map[string]any)[p]
	}
	return v.(map[string]any)
}

func (w *world) create(name, template string) {
	w.Helper()
	if _, err := w.cfn.CreateStack(w.Context(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &template}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) update(name, template string) {
	w.Helper()
	if _, err := w.cfn.UpdateStack(w.Context(), &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &template}); err != nil {
		w.Fatal(err)
	}
}

// delete deletes a stack and returns how it stands then.
func (w *world) delete(name string) cfntypes.Stack {
	w.Helper()
	id := aws.ToString(w.stack(name).StackId)
	if _, err := w.cfn.DeleteStack(w.Context(), &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
		w.Fatal(err)
	}
	return w.stack(id)
}

// stack waits until nothing is in progress.
func (w *world) stack(name string) cfntypes.Stack {
	w.Helper()
	for {
		out, err := w.cfn.DescribeStacks(w.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			w.Fatal(err)
		}
		if !strings.HasSuffix(string(out.Stacks[0].StackStatus), "_IN_PROGRESS") {
			return out.Stacks[0]
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// events are the resources, statuses and reasons of a stack's events, the latest first.
func (w *world) events(name string) []string {
	w.Helper()
	out, err := w.cfn.DescribeStackEvents(w.Context(), &cloudformation.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		w.Fatal(err)
	}
	var all []string
	for _, e := range out.StackEvents {
		all = append(all, fmt.Sprintf("%s %s %s", aws.ToString(e.LogicalResourceId), e.ResourceStatus, aws.ToString(e.ResourceStatusReason)))
	}
	return all
}

func (w *world) wantStatus(name string, want cfntypes.StackStatus) {
	w.Helper()
	if s := w.stack(name); s.StackStatus != want {
		w.Fatalf("stack %s is in %s, want %s: %v", name, s.StackStatus, want, failures(w.Context(), w.cfn, s))
	}
}

func (w *world) outputs(name string) map[string]string {
	w.Helper()
	out, err := w.env.Outputs(w.Context(), name)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// physicalID is the last part of a resource's physical ID.
func (w *world) physicalID(stack, logicalID string) string {
	w.Helper()
	out, err := w.cfn.DescribeStackResource(w.Context(), &cloudformation.DescribeStackResourceInput{StackName: &stack, LogicalResourceId: &logicalID})
	if err != nil {
		w.Fatal(err)
	}
	id := aws.ToString(out.StackResourceDetail.PhysicalResourceId)
	return id[strings.LastIndex(id, "/")+1:]
}

func (w *world) item(table, pk string) map[string]types.AttributeValue {
	w.Helper()
	out, err := w.db.GetItem(w.Context(), &dynamodb.GetItemInput{TableName: &table, Key: map[string]types.AttributeValue{"pk": text(pk)}})
	if err != nil {
		w.Fatal(err)
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

func TestStackLifecycle(t *testing.T) {
	w := newWorld(t)
	w.uploadCode()
	w.create("Feed", w.template(unchanged))
	w.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	made := w.outputs("Feed")
	if made["Said"] != "Create hello" {
		t.Errorf("the custom resource said %q", made["Said"])
	}
	w.checkSettings(made)

	const key = "a folder/b+c ä.json"
	w.put(made["Bucket"], key, "{}")
	w.idle()
	item := w.item(made["Table"], key)
	if value(item["event"]) != "ObjectCreated:Put" || value(item["colour"]) != "green" || len(value(item["version"])) < 10 || value(item["sequencer"]) == "" {
		t.Errorf("item %v", item)
	}
	if at, err := time.Parse(time.RFC3339, value(item["time"])); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("event time %s: %v", value(item["time"]), err)
	}

	w.put(made["Bucket"], "bad.json", "{}")
	w.idle()
	w.wantFailure(made["Failures"], "bad.json")

	w.update("Feed", w.template(func(r map[string]any) {
		at(r, "Function", "Properties", "Environment", "Variables")["COLOUR"] = "red"
		at(r, "Answer", "Properties")["Word"] = "again"
		r["Topic"] = map[string]any{"Type": "AWS::SNS::Topic"}
	}))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	if said := w.outputs("Feed")["Said"]; said != "Update again" {
		t.Errorf("after the update the custom resource said %q", said)
	}
	w.put(made["Bucket"], "second.json", "{}")
	w.idle()
	if got := value(w.item(made["Table"], "second.json")["colour"]); got != "red" {
		t.Errorf("after the update the function sees %q, want red", got)
	}

	w.failedUpdateChangesNothing()
	w.exportInUseStays()

	if s := w.delete("Feed"); s.StackStatus != cfntypes.StackStatusDeleteFailed || !strings.Contains(fmt.Sprint(failures(t.Context(), w.cfn, s)), "BucketNotEmpty") {
		t.Errorf("deleted with objects in its bucket: %s, %v", s.StackStatus, failures(t.Context(), w.cfn, s))
	}
	w.empty(made["Bucket"])
	if s := w.delete("Feed"); s.StackStatus != cfntypes.StackStatusDeleteComplete {
		t.Errorf("deletion: %s, %v", s.StackStatus, failures(t.Context(), w.cfn, s))
	}
	if value(w.item(made["Table"], key)["colour"]) != "green" {
		t.Error("the retained table lost its item")
	}
	if _, err := w.db.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String(made["Table"])}); err == nil {
		t.Error("the table was deleted in spite of its deletion protection")
	}
	if _, err := w.s3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String(made["Bucket"])}); err == nil {
		t.Error("the bucket outlived its stack")
	}
}

// checkSettings looks whether what the template says was applied.
func (w *world) checkSettings(made map[string]string) {
	w.Helper()
	bucket := aws.String(made["Bucket"])
	v, err := w.s3.GetBucketVersioning(w.Context(), &s3.GetBucketVersioningInput{Bucket: bucket})
	if err != nil || v.Status != s3types.BucketVersioningStatusEnabled {
		w.Errorf("versioning %v: %v", v, err)
	}
	if _, err := w.s3.GetBucketEncryption(w.Context(), &s3.GetBucketEncryptionInput{Bucket: bucket}); err != nil {
		w.Errorf("encryption: %v", err)
	}
	if _, err := w.s3.GetPublicAccessBlock(w.Context(), &s3.GetPublicAccessBlockInput{Bucket: bucket}); err != nil {
		w.Errorf("public access block: %v", err)
	}
	lifecycle, err := w.s3.GetBucketLifecycleConfiguration(w.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: bucket})
	if err != nil || len(lifecycle.Rules) != 1 {
		w.Errorf("lifecycle %v: %v", lifecycle, err)
	}
	backups, err := w.db.DescribeContinuousBackups(w.Context(), &dynamodb.DescribeContinuousBackupsInput{TableName: aws.String(made["Table"])})
	if err != nil || backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != types.PointInTimeRecoveryStatusEnabled {
		w.Errorf("point-in-time recovery %v: %v", backups, err)
	}
}

// wantFailure looks for the record of an event that failed for good.
func (w *world) wantFailure(queue, key string) {
	w.Helper()
	out, err := w.sqs.ReceiveMessage(w.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue})
	if err != nil || len(out.Messages) != 1 {
		w.Fatalf("failure queue: %d messages, %v", len(out.Messages), err)
	}
	body := aws.ToString(out.Messages[0].Body)
	for _, want := range []string{key, `"condition":"RetriesExhausted"`, `"approximateInvokeCount":2`, "a bad object"} {
		if !strings.Contains(body, want) {
			w.Errorf("failure record lacks %s: %s", want, body)
		}
	}
}

func (w *world) failedUpdateChangesNothing() {
	w.Helper()
	before := w.outputs("Feed")
	w.update("Feed", w.template(func(r map[string]any) {
		r["Stream"] = map[string]any{"Type": "AWS::Unheard::Of"}
		at(r, "Function", "Properties")["MemorySize"] = 512
	}))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	if why := aws.ToString(w.stack("Feed").StackStatusReason); why != "" {
		w.Logf("reason: %s", why)
	}
	if err := w.env.checkStacks(w.Context()); err == nil || !strings.Contains(err.Error(), "UPDATE_ROLLBACK_COMPLETE") {
		w.Errorf("the check of the stacks says %v", err)
	}
	events, err := w.cfn.DescribeStackEvents(w.Context(), &cloudformation.DescribeStackEventsInput{StackName: aws.String("Feed")})
	if err != nil {
		w.Fatal(err)
	}
	told := false
	for _, ev := range events.StackEvents {
		why := aws.ToString(ev.ResourceStatusReason)
		told = told || strings.Contains(why, "AWS::Unheard::Of") && strings.Contains(why, "Stream")
	}
	if !told {
		w.Error("no event names the unknown type and its logical ID")
	}
	deployed, err := w.cfn.GetTemplate(w.Context(), &cloudformation.GetTemplateInput{StackName: aws.String("Feed")})
	if err != nil || strings.Contains(aws.ToString(deployed.TemplateBody), "Unheard") {
		w.Errorf("the failed template is shown as deployed (%v)", err)
	}
	// What was changed before the failure goes back: a bad property comes last.
	w.update("Feed", w.template(func(r map[string]any) {
		at(r, "Failures", "Properties")["VisibilityTimeout"] = 77
		r["Worse"] = map[string]any{"Type": "AWS::SQS::Queue", "DependsOn": "Failures", "Properties": map[string]any{"Colour": "red"}}
	}))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	attrs, err := w.sqs.GetQueueAttributes(w.Context(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(before["Failures"]), AttributeNames: []sqstypes.QueueAttributeName{"VisibilityTimeout"}})
	if err != nil || attrs.Attributes["VisibilityTimeout"] != "30" {
		w.Errorf("after the rollback: visibility timeout %v, %v", attrs.Attributes, err)
	}
	if fmt.Sprint(w.outputs("Feed")) != fmt.Sprint(before) {
		w.Errorf("outputs changed from %v to %v", before, w.outputs("Feed"))
	}
	w.update("Feed", w.template(unchanged))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	_, err = w.cfn.UpdateStack(w.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("Feed"), TemplateBody: aws.String(w.template(unchanged))})
	if err == nil || !strings.Contains(err.Error(), "No updates are to be performed") {
		w.Errorf("an update without changes: %v", err)
	}
}

func (w *world) exportInUseStays() {
	w.Helper()
	w.create("User", `{
		"Resources": {"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::ImportValue": "Feed-bucket"}}}},
		"Outputs": {
			"Imported": {"Value": {"Fn::GetAtt": ["Parameter", "Value"]}},
			"Read": {"Value": {"Fn::GetStackOutput": {"StackName": "Feed", "OutputName": "Table"}}}
		}}`)
	w.wantStatus("User", cfntypes.StackStatusCreateComplete)
	feed, user := w.outputs("Feed"), w.outputs("User")
	if user["Imported"] != feed["Bucket"] || user["Read"] != feed["Table"] {
		w.Errorf("imported %v of %v", user, feed)
	}
	if s := w.delete("Feed"); s.StackStatus != cfntypes.StackStatusDeleteFailed || !strings.Contains(aws.ToString(s.StackStatusReason), "in use by User") {
		w.Errorf("deleted while its export is in use: %s, %s", s.StackStatus, aws.ToString(s.StackStatusReason))
	}
	if s := w.delete("User"); s.StackStatus != cfntypes.StackStatusDeleteComplete {
		w.Errorf("deletion of the importing stack: %s", s.StackStatus)
	}
}

func (w *world) empty(bucket string) {
	w.Helper()
	out, err := w.s3.ListObjectVersions(w.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket})
	if err != nil {
		w.Fatal(err)
	}
	for _, v := range out.Versions {
		if _, err := w.s3.DeleteObject(w.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId}); err != nil {
			w.Fatal(err)
		}
	}
}

func TestFailedCreationIsRolledBack(t *testing.T) {
	w := newWorld(t)
	w.create("Broken", `{"Resources": {
		"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "made-first"}},
		"Table": {"Type": "AWS::DynamoDB::GlobalTable", "DependsOn": "Queue", "Properties": {"Replicas": []}}}}`)
	w.wantStatus("Broken", cfntypes.StackStatusRollbackComplete)
	if err := w.env.checkStacks(t.Context()); err == nil || !strings.Contains(err.Error(), "Table CREATE_FAILED") {
		t.Errorf("the check of the stacks says %v", err)
	}
	if _, err := w.sqs.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("made-first")}); err == nil {
		t.Error("the queue outlived the rollback")
	}
}

func TestConditionalWritesAreAtomic(t *testing.T) {
	w := newWorld(t)
	if _, err := w.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("conditional")}); err != nil {
		t.Fatal(err)
	}
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		written int
	)
	for range 8 {
		wg.Go(func() {
			_, err := w.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("conditional"), Key: aws.String("k"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
			var api smithy.APIError
			switch {
			case err == nil:
				mu.Lock()
				defer mu.Unlock()
				written++
			case !errors.As(err, &api) || api.ErrorCode() != "PreconditionFailed":
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if written != 1 {
		t.Errorf("%d conditional writes went through, want 1", written)
	}
}

func TestTable(t *testing.T) {
	w := newWorld(t)
	table := aws.String("t")
	_, err := w.db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:   table,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("feed"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("time"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName:  aws.String("uploads"),
			KeySchema:  []types.KeySchemaElement{{AttributeName: aws.String("feed"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("time"), KeyType: types.KeyTypeRange}},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}

	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := w.db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
				TableName: table, Key: map[string]types.AttributeValue{"pk": text("count")},
				UpdateExpression:          aws.String("ADD n :one"),
				ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := w.item("t", "count")["n"].(*types.AttributeValueMemberN).Value; n != "20" {
		t.Errorf("20 concurrent ADDs make %s", n)
	}

	transact := func(pk string) error {
		_, err := w.db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: table, Item: map[string]types.AttributeValue{"pk": text(pk)}, ConditionExpression: aws.String("attribute_not_exists(pk)")}},
			{Update: &types.Update{TableName: table, Key: map[string]types.AttributeValue{"pk": text("sum")}, UpdateExpression: aws.String("ADD n :one"), ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}}}},
		}})
		return err
	}
	if err := transact("once"); err != nil {
		t.Fatal(err)
	}
	err = transact("once")
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) || len(cancelled.CancellationReasons) != 2 ||
		aws.ToString(cancelled.CancellationReasons[0].Code) != "ConditionalCheckFailed" || aws.ToString(cancelled.CancellationReasons[1].Code) != "None" {
		t.Errorf("the same transaction again: %v", err)
	}
	if n := w.item("t", "sum")["n"].(*types.AttributeValueMemberN).Value; n != "1" {
		t.Errorf("after a cancelled transaction the sum is %s, want 1", n)
	}

	var writes []types.WriteRequest
	for i := range 25 {
		item := map[string]types.AttributeValue{"pk": text(fmt.Sprint("r", i))}
		if i < 3 {
			item["feed"], item["time"] = text("f"), text(strconv.Itoa(i))
		}
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
	out, err := w.db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"t": writes}})
	if err != nil || len(out.UnprocessedItems) != 0 {
		t.Fatalf("batch: %v, %v", out, err)
	}
	found, err := w.db.Query(t.Context(), &dynamodb.QueryInput{
		TableName: table, IndexName: aws.String("uploads"), KeyConditionExpression: aws.String("feed = :f"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":f": text("f")}, ScanIndexForward: aws.Bool(false),
	})
	if err != nil || len(found.Items) != 3 || value(found.Items[0]["time"]) != "2" {
		t.Errorf("query of the sparse index: %v, %v", found, err)
	}

	_, err = w.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: map[string]types.AttributeValue{"pk": text("big"), "data": text(strings.Repeat("x", 420_000))}})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationException" {
		t.Errorf("an item of 420,000 bytes: %v", err)
	}
}

func TestRunsSideBySideAndLeavesNothing(t *testing.T) {
	one, two := start(t), start(t)
	if one.Endpoint() == two.Endpoint() || one.Host().URL() == two.Host().URL() {
		t.Errorf("two runs share %s or %s", one.Endpoint(), one.Host().URL())
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", one.server.port), time.Second); err == nil {
		closeQuietly(c)
		t.Error("the closed run still answers")
	}
	cfg, err := two.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s3.NewFromConfig(cfg).ListBuckets(t.Context(), &s3.ListBucketsInput{}); err != nil {
		t.Errorf("the other run: %v", err)
	}
}
