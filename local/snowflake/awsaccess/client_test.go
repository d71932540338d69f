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

// world is a local AWS with a bucket and clients.
type world struct {
	*testing.T
	config aws.Config
	iam    *iam.Client
	s3     *s3.Client
	sns    *sns.Client
}

func newWorld(t *testing.T) *world {
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
	w := &world{t, cfg, iam.NewFromConfig(cfg), s3.NewFromConfig(cfg), sns.NewFromConfig(cfg)}
	w.must(w.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("lake")}))
	return w
}

func (w *world) must(_ any, err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) open(o Options) *Client {
	o.AWS, o.Log = w.config, w.Output()
	c := New(o)
	w.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(w.Context())); err != nil {
			w.Errorf("close: %v", err)
		}
	})
	return c
}

func (w *world) put(key, body string) {
	w.Helper()
	w.must(w.s3.PutObject(w.Context(), &s3.PutObjectInput{Bucket: aws.String("lake"), Key: &key, Body: strings.NewReader(body)}))
}

func (w *world) role(trust, policy string) {
	w.Helper()
	name := aws.String("feed-snowflake")
	w.must(w.iam.CreateRole(w.Context(), &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: &trust}))
	w.must(w.iam.PutRolePolicy(w.Context(), &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("Read"), PolicyDocument: &policy}))
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
	w := newWorld(t)
	c := w.open(Options{})
	const refused = "Error assuming AWS_ROLE:\nUser: " + IAMUserARN + " is not authorized to perform: sts:AssumeRole on resource: " + role
	wantError(t, c.Check(t.Context(), integration(), "s3://lake/pfx/"), 3167, refused)

	w.role(trust, statements(read, list, located))
	for _, key := range []string{"pfx/a b+ä.csv", "pfx/b.csv", "pfx2/c.csv"} {
		w.put(key, "content of "+key)
	}
	for name, change := range map[string]func(*Integration){
		"external ID":      func(i *Integration) { i.ExternalID = "another" },
		"path of the role": func(i *Integration) { i.RoleARN = strings.Replace(role, "role/", "role/path/", 1) },
	} {
		i := integration()
		change(&i)
		if err := c.Check(t.Context(), i, "s3://lake/pfx/"); err == nil {
			t.Errorf("with another %s the role was assumed", name)
		} else {
			wantError(t, err, 3167, "Error assuming AWS_ROLE")
		}
	}
	disabled := integration()
	disabled.Enabled = false
	wantError(t, c.Check(t.Context(), disabled, "s3://lake/pfx/"), 1008, "not enabled")
	wantError(t, c.Check(t.Context(), integration(), "s3://other/pfx/"), 1008, "not allowed by integration 'ORDERS_INTEGRATION'")
	wantError(t, c.Check(t.Context(), integration(), "s3://lake/pfx2/"), 91003, "s3:ListBucket")
	wantError(t, w.open(Options{PropagationDelay: time.Hour}).Check(t.Context(), integration(), "s3://lake/pfx/"), 3167, refused)
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
	w := newWorld(t)
	w.role(trust, statements(read, list))
	for i := range 1001 {
		w.put(fmt.Sprintf("pfx/%04d", i), "")
	}
	c := w.open(Options{})
	// Under the listing's condition alone the bucket's location is refused.
	wantError(t, c.Check(t.Context(), integration(), "s3://lake/pfx/"), 91003, "s3:GetBucketLocation")

	p, err := w.iam.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("Location"), PolicyDocument: aws.String(statements(located))})
	w.must(p, err)
	w.must(w.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("feed-snowflake"), PolicyArn: p.Policy.Arn}))
	s, err := c.Session(t.Context(), integration())
	if err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s, "s3://lake/pfx/"); len(got) != 1001 || !slices.IsSorted(got) {
		t.Errorf("listed %d objects", len(got))
	}
}

// inbox keeps events; it refuses each first one of a key that has "twice" in it.
type inbox struct {
	mu     sync.Mutex
	events []Event
	tries  int
}

func (i *inbox) take(_ context.Context, _ string, events []Event) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if strings.Contains(events[0].Key, "twice") {
		if i.tries++; i.tries == 1 {
			return errors.New("not now")
		}
	}
	i.events = append(i.events, events...)
	return nil
}

func (w *world) drained(c *Client) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
	defer cancel()
	for {
		n, err := c.Pending(ctx)
		if err != nil {
			w.Fatal(err)
		}
		if n == 0 {
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func TestTopic(t *testing.T) {
	w := newWorld(t)
	topic, err := w.sns.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("lake")})
	w.must(topic, err)
	arn := aws.ToString(topic.TopicArn)
	var in inbox
	c := w.open(Options{OnEvents: in.take})
	_, err = c.Subscribe(t.Context(), arn)
	wantError(t, err, 1008, "User: "+SNSUserARN+" is not authorized to perform: SNS:Subscribe on resource: "+arn)
	_, err = c.Subscribe(t.Context(), arn+"-none")
	wantError(t, err, 1008, "not authorized")
	_, err = c.Subscribe(t.Context(), "lake")
	wantError(t, err, 1008, "AWS_SNS_TOPIC")

	// What Snowflake says is needed is enough, next to the rule that demands TLS.
	allow := strings.TrimSuffix(strings.SplitN(SNSPolicy(arn), "[", 2)[1], "]}")
	tls := `{"Effect":"Deny","Principal":{"AWS":"*"},"Action":["sns:Subscribe","sns:Publish"],"Resource":"` + arn + `","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
	w.must(w.sns.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{
		TopicArn: &arn, AttributeName: aws.String("Policy"), AttributeValue: aws.String(statements(tls, allow)),
	}))
	queue, err := c.Subscribe(t.Context(), arn)
	if err != nil || !strings.HasPrefix(queue, "arn:aws:sqs:"+local.Region+":") {
		t.Fatalf("queue %q: %v", queue, err)
	}
	if again, err := c.Subscribe(t.Context(), arn); err != nil || again != queue {
		t.Errorf("subscribed again: %q, %v", again, err)
	}

	w.must(w.s3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String("lake"), NotificationConfiguration: &s3types.NotificationConfiguration{
			TopicConfigurations: []s3types.TopicConfiguration{{TopicArn: &arn, Events: []s3types.Event{"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}}},
		},
	}))
	w.put("pfx/a b.csv", "abc")
	w.must(w.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("lake"), Key: aws.String("pfx/a b.csv")}))
	w.put("pfx/twice.csv", "abc")
	w.drained(c)
	var got []string
	for _, e := range in.events {
		got = append(got, fmt.Sprint(e.Removed, " ", e.Bucket, " ", e.Key, " ", e.Size))
	}
	slices.Sort(got)
	if want := []string{"false lake pfx/a b.csv 3", "false lake pfx/twice.csv 3", "true lake pfx/a b.csv 0"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}

	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := sqs.NewFromConfig(w.config).ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if err != nil || len(left.QueueUrls) != 0 {
		t.Errorf("queues left: %v, %v", left.QueueUrls, err)
	}
	subscriptions, err := w.sns.ListSubscriptions(t.Context(), &sns.ListSubscriptionsInput{})
	if err != nil || len(subscriptions.Subscriptions) != 0 {
		t.Errorf("subscriptions left: %v, %v", subscriptions.Subscriptions, err)
	}
	if _, err := c.Subscribe(t.Context(), arn); err == nil {
		t.Error("subscribed after Close")
	}
}

// A change of a role takes with the next session, as sessions do not outlive a statement.
func TestChangedTrust(t *testing.T) {
	w := newWorld(t)
	w.role(strings.Replace(trust, external, "another", 1), statements(read, list, located, `{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}`))
	w.put("pfx/a", "")
	c := w.open(Options{})
	wantError(t, c.Check(t.Context(), integration(), "s3://lake/pfx/"), 3167, "sts:AssumeRole")
	w.must(w.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: aws.String("feed-snowflake"), PolicyDocument: aws.String(trust),
	}))
	s, err := c.Session(t.Context(), integration())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Fetch(t.Context(), "lake", "pfx/a")
	wantError(t, err, 91003, "with an explicit deny in an identity-based policy")

	w.must(w.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: aws.String("feed-snowflake"), PolicyName: aws.String("Read"),
		PolicyDocument: aws.String(statements(strings.Replace(read, `"Resource"`, `"Condition":{"NumericEquals":{"s3:signatureAge":"1"}},"Resource"`, 1))),
	}))
	if _, err := c.Session(t.Context(), integration()); err == nil || !strings.Contains(err.Error(), `unknown condition operator "NumericEquals"`) {
		t.Errorf("a condition that nobody evaluates: %v", err)
	}
}
