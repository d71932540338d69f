package awsaccess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example.com/ingestion/internal/retry"
	"example.com/ingestion/local"
)

const (
	role     = "arn:aws:iam::" + local.Account + ":role/feed-snowflake"
	external = "ingestion_orders"
	trust    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + IAMUserARN + `"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"` + external + `"}}}]}`
	read     = `{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::lake/pfx/*"}`
	list     = `{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::lake","Condition":{"StringLike":{"s3:prefix":["pfx/*"]}}}`
	located  = `{"Effect":"Allow","Action":"s3:GetBucketLocation","Resource":"arn:aws:s3:::lake"}`
)

func statements(s ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(s, ",") + `]}`
}

// fixture is a local AWS with a bucket and clients.
type fixture struct {
	*testing.T
	config aws.Config
	iam    *iam.Client
	s3     *s3.Client
	sns    *sns.Client
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	if testing.Short() {
		t.Skip("starts moto_server")
	}
	env, err := local.Start(t.Context(), local.Options{Dir: t.TempDir(), Repo: "../../..", Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	cfg, err := env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t, cfg, iam.NewFromConfig(cfg), s3.NewFromConfig(cfg), sns.NewFromConfig(cfg)}
	f.must(f.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("lake")}))
	return f
}

func (f *fixture) must(_ any, err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) open(o Options) *Client {
	o.AWS, o.Log = f.config, f.Output()
	c := New(o)
	f.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(f.Context())); err != nil {
			f.Errorf("close: %v", err)
		}
	})
	return c
}

func (f *fixture) put(key, body string) {
	f.Helper()
	f.must(f.s3.PutObject(f.Context(), &s3.PutObjectInput{Bucket: aws.String("lake"), Key: &key, Body: strings.NewReader(body)}))
}

func (f *fixture) role(trust, policy string) {
	f.Helper()
	name := aws.String("feed-snowflake")
	f.must(f.iam.CreateRole(f.Context(), &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: &trust}))
	f.must(f.iam.PutRolePolicy(f.Context(), &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("Read"), PolicyDocument: &policy}))
}

func integration() Integration {
	return Integration{Name: "ORDERS_INTEGRATION", RoleARN: role, ExternalID: external, AllowedLocations: []string{"s3://lake/"}, Enabled: true}
}

func wantError(t *testing.T, err error, number int, text string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Number != number || !strings.Contains(e.Message, text) {
		t.Errorf("error %v, want number %d with %q", err, number, text)
	}
}

func keys(t *testing.T, s *Session, url string) (found []string) {
	t.Helper()
	for o, err := range s.List(t.Context(), url) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, o.Key)
	}
	return found
}

func TestIntegration(t *testing.T) {
	f := newFixture(t)
	c := f.open(Options{})
	const denied = "Error assuming AWS_ROLE:\nUser: " + IAMUserARN + " is not authorized to perform: sts:AssumeRole on resource: " + role
	wantError(t, c.Check(t.Context(), integration(), "s3://lake/pfx/"), 3167, denied)

	f.role(trust, statements(read, list, located))
	for _, key := range []string{"pfx/a b+ä.csv", "pfx/b.csv", "pfx2/c.csv"} {
		f.put(key, "content of "+key)
	}
	for name, change := range map[string]func(*Integration){
		"external ID":      func(i *Integration) { i.ExternalID = "another" },
		"path of the role": func(i *Integration) { i.RoleARN = strings.Replace(role, "role/", "role/path/", 1) },
	} {
		i := integration()
		change(&i)
		if err := c.Check(t.Context(), i, "s3://lake/pfx/"); err == nil {
			t.Errorf("the role was assumed with another %s", name)
		} else {
			wantError(t, err, 3167, "Error assuming AWS_ROLE")
		}
	}
	disabled := integration()
	disabled.Enabled = false
	wantError(t, c.Check(t.Context(), disabled, "s3://lake/pfx/"), 1008, "not enabled")
	wantError(t, c.Check(t.Context(), integration(), "s3://other/pfx/"), 1008, "not allowed by integration 'ORDERS_INTEGRATION'")
	wantError(t, c.Check(t.Context(), integration(), "s3://lake/pfx2/"), 91003, "s3:ListBucket")
	wantError(t, f.open(Options{PropagationDelay: time.Hour}).Check(t.Context(), integration(), "s3://lake/pfx/"), 3167, denied)
	if err := c.Check(t.Context(), integration(), "s3://lake/pfx/"); err != nil {
		t.Error(err)
	}

	s, err := c.Session(t.Context(), integration())
	if err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s, "s3://lake/pfx/"); !slices.Equal(got, []string{"pfx/a b+ä.csv", "pfx/b.csv"}) {
		t.Errorf("listed %q", got)
	}
	o, body, err := s.Fetch(t.Context(), "lake", "pfx/a b+ä.csv")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil || string(b) != "content of pfx/a b+ä.csv" {
		t.Errorf("fetched %q: %v", b, err)
	}
	if o.Size != int64(len(b)) || len(o.ETag) != 32 || time.Since(o.Modified).Abs() > time.Minute {
		t.Errorf("object %+v", o)
	}
	_, _, err = s.Fetch(t.Context(), "lake", "pfx2/c.csv")
	wantError(t, err, 91003, "s3:GetObject")
	_, _, err = s.Fetch(t.Context(), "lake", "pfx/none.csv")
	wantError(t, err, 91016, "Remote file 's3://lake/pfx/none.csv' was not found")
}

func TestManagedPolicyAndPages(t *testing.T) {
	f := newFixture(t)
	f.role(trust, statements(read, list))
	for i := range 1001 {
		f.put(fmt.Sprintf("pfx/%04d", i), "")
	}
	c := f.open(Options{})
	// A condition on s3:prefix denies s3:GetBucketLocation.
	wantError(t, c.Check(t.Context(), integration(), "s3://lake/pfx/"), 91003, "s3:GetBucketLocation")

	p, err := f.iam.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("Location"), PolicyDocument: aws.String(statements(located))})
	f.must(p, err)
	f.must(f.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("feed-snowflake"), PolicyArn: p.Policy.Arn}))
	s, err := c.Session(t.Context(), integration())
	if err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s, "s3://lake/pfx/"); len(got) != 1001 || !slices.IsSorted(got) {
		t.Errorf("listed %d objects", len(got))
	}
}

// recorder records events. It returns an error for the first event of a key that
// contains "twice".
type recorder struct {
	mu     sync.Mutex
	events []Event
	tries  int
}

func (r *recorder) handle(_ context.Context, _ string, events []Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.Contains(events[0].Key, "twice") {
		if r.tries++; r.tries == 1 {
			return errors.New("try again")
		}
	}
	r.events = append(r.events, events...)
	return nil
}

func (f *fixture) waitUntilProcessed(c *Client) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 20*time.Second)
	defer cancel()
	for {
		n, err := c.Pending(ctx)
		if err != nil {
			f.Fatal(err)
		}
		if n == 0 {
			return
		}
		if err := retry.Wait(ctx, 20*time.Millisecond); err != nil {
			f.Fatal(err)
		}
	}
}

func TestTopic(t *testing.T) {
	f := newFixture(t)
	topic, err := f.sns.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("lake")})
	f.must(topic, err)
	arn := aws.ToString(topic.TopicArn)
	var recorded recorder
	c := f.open(Options{OnEvents: recorded.handle})
	_, err = c.Subscribe(t.Context(), arn)
	wantError(t, err, 1008, "User: "+SNSUserARN+" is not authorized to perform: SNS:Subscribe on resource: "+arn)
	_, err = c.Subscribe(t.Context(), arn+"-none")
	wantError(t, err, 1008, "not authorized")
	_, err = c.Subscribe(t.Context(), "lake")
	wantError(t, err, 1008, "AWS_SNS_TOPIC")

	// The statement of SNSPolicy is sufficient, next to one that requires TLS.
	allow := strings.TrimSuffix(strings.SplitN(SNSPolicy(arn), "[", 2)[1], "]}")
	tls := `{"Effect":"Deny","Principal":{"AWS":"*"},"Action":["sns:Subscribe","sns:Publish"],"Resource":"` + arn + `","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
	publish := `{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sns:Publish","Resource":"` + arn + `"}`
	f.must(f.sns.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{
		TopicArn: &arn, AttributeName: aws.String("Policy"), AttributeValue: aws.String(statements(tls, allow, publish)),
	}))
	queue, err := c.Subscribe(t.Context(), arn)
	if err != nil || !strings.HasPrefix(queue, "arn:aws:sqs:"+local.Region+":") {
		t.Fatalf("queue %q: %v", queue, err)
	}
	if again, err := c.Subscribe(t.Context(), arn); err != nil || again != queue {
		t.Errorf("subscribed again: %q, %v", again, err)
	}

	f.must(f.s3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String("lake"), NotificationConfiguration: &s3types.NotificationConfiguration{
			TopicConfigurations: []s3types.TopicConfiguration{{TopicArn: &arn, Events: []s3types.Event{"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}}},
		},
	}))
	f.put("pfx/a b.csv", "abc")
	f.must(f.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("lake"), Key: aws.String("pfx/a b.csv")}))
	f.put("pfx/twice.csv", "abc")
	f.waitUntilProcessed(c)
	var got []string
	for _, e := range recorded.events {
		got = append(got, fmt.Sprint(e.Removed, " ", e.Bucket, " ", e.Key, " ", e.Size))
	}
	slices.Sort(got)
	if want := []string{"false lake pfx/a b.csv 3", "false lake pfx/twice.csv 3", "true lake pfx/a b.csv 0"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}

	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := sqs.NewFromConfig(f.config).ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if err != nil || len(left.QueueUrls) != 0 {
		t.Errorf("remaining queues: %v, %v", left.QueueUrls, err)
	}
	subscriptions, err := f.sns.ListSubscriptions(t.Context(), &sns.ListSubscriptionsInput{})
	if err != nil || len(subscriptions.Subscriptions) != 0 {
		t.Errorf("remaining subscriptions: %v, %v", subscriptions.Subscriptions, err)
	}
	if _, err := c.Subscribe(t.Context(), arn); err == nil {
		t.Error("subscribed after Close")
	}
}

// A change of a role is effective in the next session.
func TestChangedTrust(t *testing.T) {
	f := newFixture(t)
	f.role(strings.Replace(trust, external, "another", 1), statements(read, list, located, `{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}`))
	f.put("pfx/a", "")
	c := f.open(Options{})
	wantError(t, c.Check(t.Context(), integration(), "s3://lake/pfx/"), 3167, "sts:AssumeRole")
	f.must(f.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: aws.String("feed-snowflake"), PolicyDocument: aws.String(trust),
	}))
	s, err := c.Session(t.Context(), integration())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Fetch(t.Context(), "lake", "pfx/a")
	wantError(t, err, 91003, "with an explicit deny in an identity-based policy")

	f.must(f.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: aws.String("feed-snowflake"), PolicyName: aws.String("Read"),
		PolicyDocument: aws.String(statements(strings.Replace(read, `"Resource"`, `"Condition":{"NumericEquals":{"s3:signatureAge":"1"}},"Resource"`, 1))),
	}))
	if _, err := c.Session(t.Context(), integration()); err == nil || !strings.Contains(err.Error(), `unknown condition operator "NumericEquals"`) {
		t.Errorf("a condition that is not supported: %v", err)
	}
}
