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
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// The test binary is also the bootstrap of the function: with this variable set, it
// executes the command in its event.
const asFunction = "HOST_TEST_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(asFunction) == "" {
		os.Exit(m.Run())
	}
	if os.Getenv(asFunction) == "crash" {
		fmt.Println("exiting before the first invocation")
		os.Exit(3)
	}
	lambda.Start(handle)
}

type command struct {
	Do      string          `json:"do"`
	Millis  int             `json:"millis"`
	Name    string          `json:"name"`
	Records json.RawMessage `json:"Records,omitempty"`
}

type output struct {
	PID       int    `json:"pid"`
	Value     string `json:"value"`
	ARN       string `json:"arn"`
	RequestID string `json:"requestId"`
	LeftMS    int64  `json:"leftMs"`
}

func handle(ctx context.Context, c command) (any, error) {
	fmt.Println("handling", c.Do)
	if c.Records != nil {
		return nil, handleChanges(c.Records)
	}
	lc, _ := lambdacontext.FromContext(ctx)
	switch c.Do {
	case "fail":
		return nil, errors.New("as requested")
	case "record":
		return nil, errors.Join(errors.New("as requested"), appendLine(c.Name, lc.AwsRequestID))
	case "exit":
		os.Exit(7)
	case "sleep":
		time.Sleep(time.Duration(c.Millis) * time.Millisecond)
	}
	deadline, _ := ctx.Deadline()
	return output{
		PID:       os.Getpid(),
		Value:     os.Getenv(c.Name),
		ARN:       lc.InvokedFunctionArn,
		RequestID: lc.AwsRequestID,
		LeftMS:    time.Until(deadline).Milliseconds(),
	}, nil
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}

// fakeAWS is an awsClient with functions that run this test binary.
type fakeAWS struct {
	mu        sync.Mutex
	functions map[string]*function
	pkg       []byte
	config    invokeConfig
	sent      []string // "destination record"
	mapped    []mapping
	stream    []streamtypes.Record
	objects   map[string]string // "bucket key" -> body
}

func newFakeAWS(t *testing.T) *fakeAWS {
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
	c := &fakeAWS{pkg: b.Bytes(), functions: map[string]*function{}, config: invokeConfig{retries: 2, maxAge: time.Hour}}
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
func (c *fakeAWS) change(edit func(*function)) {
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

func (c *fakeAWS) function(_ context.Context, name string) (*function, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.functions[name]; ok {
		return f, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNoFunction, name)
}

func (c *fakeAWS) code(context.Context, *function) ([]byte, error) { return c.pkg, nil }

func (c *fakeAWS) invokeConfig(context.Context, string) (invokeConfig, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config, nil
}

func (c *fakeAWS) sendToDestination(_ context.Context, destination arn.ARN, record []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, destination.String()+" "+string(record))
	return nil
}

func (c *fakeAWS) putObject(_ context.Context, bucket, key string, record []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.objects == nil {
		c.objects = map[string]string{}
	}
	c.objects[bucket+" "+key] = string(record)
	return nil
}

// shard has iterators that are indexes into the stream.
func (c *fakeAWS) shard(_ context.Context, _ string, position lambdatypes.EventSourcePosition) (string, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if position == lambdatypes.EventSourcePositionLatest {
		return "shard", strconv.Itoa(len(c.stream)), nil
	}
	return "shard", "0", nil
}

func (c *fakeAWS) records(_ context.Context, iterator string, most int) ([]streamtypes.Record, string, error) {
	from, err := strconv.Atoi(iterator)
	if err != nil {
		return nil, "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	end := min(from+most, len(c.stream))
	return c.stream[from:end], strconv.Itoa(end), nil
}

func (c *fakeAWS) deliveries() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.sent...)
}

func (c *fakeAWS) mappings(context.Context) ([]mapping, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]mapping(nil), c.mapped...), nil
}

func (c *fakeAWS) environment(context.Context, *function) ([]string, error) {
	return []string{"AWS_REGION=us-east-1"}, nil
}

// newHost returns a host with a fake AWS, which is closed at the end of the test.
func newHost(t *testing.T, o Options) (*Host, *fakeAWS) {
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
	c := newFakeAWS(t)
	h.connect(c)
	return h, c
}
