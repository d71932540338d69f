package lambdahost

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/ingestion/internal/retry"
)

// The test binary is its own function: started with this variable set, it is a
// bootstrap that does what its event says.
const asFunction = "HOST_TEST_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(asFunction) == "" {
		os.Exit(m.Run())
	}
	if os.Getenv(asFunction) == "dead" {
		fmt.Println("dying before the first invocation")
		os.Exit(3)
	}
	lambda.Start(handle)
}

type order struct {
	Do      string          `json:"do"`
	Millis  int             `json:"millis"`
	Name    string          `json:"name"`
	Records json.RawMessage `json:"Records,omitempty"`
}

type reply struct {
	PID       int    `json:"pid"`
	Value     string `json:"value"`
	ARN       string `json:"arn"`
	RequestID string `json:"requestId"`
	LeftMS    int64  `json:"leftMs"`
}

func handle(ctx context.Context, o order) (any, error) {
	fmt.Println("handling", o.Do)
	if o.Records != nil {
		return handleRecords(o.Records)
	}
	switch o.Do {
	case "fail":
		return nil, errors.New("as told")
	case "exit":
		os.Exit(7)
	case "sleep":
		time.Sleep(time.Duration(o.Millis) * time.Millisecond)
	}
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return reply{
		PID:       os.Getpid(),
		Value:     os.Getenv(o.Name),
		ARN:       lc.InvokedFunctionArn,
		RequestID: lc.AwsRequestID,
		LeftMS:    time.Until(deadline).Milliseconds(),
	}, nil
}

// handleRecords fails the messages whose body is "bad".
func handleRecords(raw json.RawMessage) (any, error) {
	var records []struct {
		MessageID   string `json:"messageId"`
		Body        string `json:"body"`
		EventSource string `json:"eventSource"`
	}
	if err := json.Unmarshal(raw, &records); err != nil {
		return nil, err
	}
	if len(records) > 0 && records[0].EventSource == "aws:dynamodb" {
		return nil, handleChanges(raw)
	}
	failures := []map[string]string{}
	for _, r := range records {
		if r.Body == "bad" {
			failures = append(failures, map[string]string{"itemIdentifier": r.MessageID})
		}
	}
	return map[string]any{"batchItemFailures": failures}, nil
}

// fakeCloud is an AWS with functions made of this test binary.
type fakeCloud struct {
	mu        sync.Mutex
	functions map[string]*function
	pkg       []byte
	config    invokeConfig
	sent      []string // "destination record"
	queue     []sqstypes.Message
	hidden    []string // "receipt duration"
	mapped    []mapping
	stream    []streamtypes.Record
	objects   map[string]string // "bucket key" -> what was put there
}

func newFakeCloud(t *testing.T) *fakeCloud {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(w, "#!/bin/sh\nexec %q\n", self); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	c := &fakeCloud{pkg: b.Bytes(), functions: map[string]*function{}, config: invokeConfig{retries: 2, maxAge: time.Hour}}
	c.functions["f"] = &function{
		Name:         "f",
		ARN:          "arn:aws:lambda:us-east-1:123456789012:function:f",
		Runtime:      "provided.al2023",
		Handler:      "bootstrap",
		Architecture: Architecture(),
		CodeSHA256:   base64.StdEncoding.EncodeToString(sum[:]),
		Timeout:      5 * time.Second,
		MemoryMB:     256,
		Environment:  map[string]string{asFunction: "1", "COLOUR": "green"},
	}
	return c
}

// change edits the configuration of the function.
func (c *fakeCloud) change(edit func(*function)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := *c.functions["f"]
	f.Environment = map[string]string{}
	for k, v := range c.functions["f"].Environment {
		f.Environment[k] = v
	}
	edit(&f)
	c.functions["f"] = &f
}

func (c *fakeCloud) function(_ context.Context, name string) (*function, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.functions[name]; ok {
		return f, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNoFunction, name)
}

func (c *fakeCloud) code(context.Context, *function) ([]byte, error) { return c.pkg, nil }

func (c *fakeCloud) invokeConfig(context.Context, string) (invokeConfig, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config, nil
}

func (c *fakeCloud) send(_ context.Context, destination arn.ARN, record []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, destination.String()+" "+string(record))
	return nil
}

func (c *fakeCloud) put(_ context.Context, bucket, key string, record []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.objects == nil {
		c.objects = map[string]string{}
	}
	c.objects[bucket+" "+key] = string(record)
	return nil
}

// shard has iterators that are indexes into the stream.
func (c *fakeCloud) shard(_ context.Context, _ string, position lambdatypes.EventSourcePosition) (string, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if position == lambdatypes.EventSourcePositionLatest {
		return "shard", strconv.Itoa(len(c.stream)), nil
	}
	return "shard", "0", nil
}

func (c *fakeCloud) records(_ context.Context, iterator string, most int) ([]streamtypes.Record, string, error) {
	from, err := strconv.Atoi(iterator)
	if err != nil {
		return nil, "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	end := min(from+most, len(c.stream))
	return c.stream[from:end], strconv.Itoa(end), nil
}

func (c *fakeCloud) deliveries() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.sent...)
}

func (c *fakeCloud) mappings(context.Context) ([]mapping, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]mapping(nil), c.mapped...), nil
}

// receive hands the queue out once: the fake has no visibility timeout.
func (c *fakeCloud) receive(ctx context.Context, _ string, most int) ([]sqstypes.Message, error) {
	c.mu.Lock()
	var out []sqstypes.Message
	for i := range c.queue {
		if c.queue[i].Attributes == nil && len(out) < most {
			c.queue[i].Attributes = map[string]string{"ApproximateReceiveCount": "1"}
			out = append(out, c.queue[i])
		}
	}
	c.mu.Unlock()
	if out == nil {
		return nil, retry.For(ctx, 20*time.Millisecond)
	}
	return out, nil
}

func (c *fakeCloud) remove(_ context.Context, _ string, receipts []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone := strings.Join(receipts, " ")
	var left []sqstypes.Message
	for _, m := range c.queue {
		if !strings.Contains(gone, aws.ToString(m.ReceiptHandle)) {
			left = append(left, m)
		}
	}
	c.queue = left
	return nil
}

// hide gives messages back if it is for no time at all: the fake has no clock.
func (c *fakeCloud) hide(_ context.Context, _ string, receipts []string, most time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.queue {
		if receipt := aws.ToString(c.queue[i].ReceiptHandle); slices.Contains(receipts, receipt) {
			if most == 0 {
				c.queue[i].Attributes = nil
			}
			c.hidden = append(c.hidden, fmt.Sprint(receipt, " ", most))
		}
	}
	return nil
}

func (c *fakeCloud) messages(context.Context, string) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue), nil
}

func (c *fakeCloud) environment() []string { return []string{"AWS_REGION=us-east-1"} }

// newHost returns a host on a fake cloud, closed at the end of the test.
func newHost(t *testing.T, o Options) (*Host, *fakeCloud) {
	t.Helper()
	o.Dir = t.TempDir()
	if o.RetryDelay == 0 {
		o.RetryDelay = 5 * time.Millisecond
	}
	o.Log = t.Output()
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	c := newFakeCloud(t)
	h.connect(c)
	return h, c
}
