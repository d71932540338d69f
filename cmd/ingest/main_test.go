package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gkampitakis/go-snaps/snaps"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/testing/fake"
	"example.com/ingestion/snowflake"
)

var (
	ordersSpec = snowflake.Spec{
		Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", ExternalID: "orders-123",
		From: snowflake.FromParts, Load: snowflake.Continuous, Format: feed.Format{Kind: feed.JSON}, Prefix: "landing/orders/",
	}
	ordersNames = snowflake.Names{
		Owner: "123456789012/eu-central-1/Orders", Bucket: "landing-bucket",
		RoleARN: "arn:aws:iam::123456789012:role/orders-snowflake", TopicARN: "arn:aws:sns:eu-central-1:123456789012:parts",
	}
)

// stacks has a feed with Snowflake, one without, and one with missing outputs.
func stacks(t *testing.T) *fake.CloudFormation {
	t.Helper()
	stack := func(name, feedName string, s *snowflake.Spec, more map[string]string) fake.Stack {
		template, err := json.Marshal(map[string]any{"Metadata": map[string]any{"Ingestion": map[string]any{
			name: operator.Static{Spec: feed.Spec{Feed: feedName}, Snowflake: s},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		outputs := map[string]string{name + "Feed": feedName, name + "LandingPrefix": "landing/" + feedName + "/"}
		for key, value := range more {
			outputs[name+key] = value
		}
		return fake.Stack{Name: name, Outputs: outputs, Template: string(template)}
	}
	return &fake.CloudFormation{Stacks: []fake.Stack{
		stack("Orders", "orders", &ordersSpec, map[string]string{
			"SnowflakeOwner": ordersNames.Owner, "SnowflakeBucket": ordersNames.Bucket,
			"SnowflakeRoleArn": ordersNames.RoleARN, "SnowflakeTopic": ordersNames.TopicARN,
		}),
		stack("Returns", "returns", nil, nil),
		stack("Old", "old", &ordersSpec, nil),
	}}
}

type result struct {
	code        int
	out, errOut string
}

func ingest(ctx context.Context, connect connector, args ...string) result {
	var out, errOut bytes.Buffer
	code := run(ctx, args, &out, &errOut, connect)
	return result{code, out.String(), errOut.String()}
}

func to(api operator.API) connector {
	return func(context.Context, connectOptions) (operator.Account, error) {
		return operator.Account{Stacks: api}, nil
	}
}

// golden compares an output with its golden file. UPDATE_SNAPS=true go test ./cmd/...
// updates the files.
func golden(t *testing.T, name, got string) {
	t.Helper()
	snaps.WithConfig(snaps.Filename(name), snaps.Ext(".txt"), snaps.Update(os.Getenv("UPDATE_SNAPS") == "true")).MatchStandaloneSnapshot(t, got)
}

func TestHelp(t *testing.T) {
	pages := map[string][]string{"ingest": {"--help"}}
	for _, verb := range (&command{}).root().Commands() {
		pages[verb.Name()] = []string{verb.Name(), "--help"}
	}
	for name, args := range pages {
		got := ingest(t.Context(), to(nil), args...)
		if got.code != exitOK || got.errOut != "" || !strings.Contains(got.out, "Examples:\n  ingest ") {
			t.Errorf("%s: %+v", name, got)
		}
		golden(t, "help."+name, got.out)
	}
}

func TestSQL(t *testing.T) {
	for name, args := range map[string][]string{"feed": {"sql", "orders"}, "stack": {"sql", "Orders"}, "both": {"sql", "Orders/orders"}} {
		t.Run(name, func(t *testing.T) {
			want, err := snowflake.Script(ordersSpec, ordersNames, "INGESTION", "")
			if err != nil {
				t.Fatal(err)
			}
			if got := ingest(t.Context(), to(stacks(t)), args...); got != (result{exitOK, want, ""}) {
				t.Errorf("%+v, want\n%s", got, want)
			}
		})
	}
	got := ingest(t.Context(), to(stacks(t)), "sql", "orders", "--role", "LOADER", "--warehouse", "small")
	if got.code != exitOK || !strings.Contains(got.out, `TO ROLE "LOADER"`) || !strings.Contains(got.out, `ON WAREHOUSE "SMALL"`) {
		t.Errorf("%+v", got)
	}
}

func TestErrors(t *testing.T) {
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"unknown verb":      {[]string{"sq"}, exitUsage, `unknown command "sq" for "ingest"`},
		"unknown flag":      {[]string{"sql", "orders", "--rule", "X"}, exitUsage, "unknown flag: --rule"},
		"no feed":           {[]string{"sql"}, exitUsage, "ingest sql takes one feed, such as: ingest sql orders\nRun 'ingest sql --help' for usage."},
		"two feeds":         {[]string{"sql", "a", "b"}, exitUsage, "takes one feed"},
		"unknown feed":      {[]string{"sql", "order"}, exitFailed, `no such feed, "order": this account and region has Old/old, Orders/orders, Returns/returns`},
		"without Snowflake": {[]string{"sql", "returns"}, exitFailed, `feed "returns": stack Returns has no Snowflake metadata`},
		"old stack":         {[]string{"sql", "Old"}, exitFailed, "stack Old has no output OldSnowflakeOwner, OldSnowflakeBucket, OldSnowflakeRoleArn"},
		"bad role":          {[]string{"sql", "orders", "--role", ""}, exitFailed, `feed "orders": Snowflake.Connection.Role`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ingest(t.Context(), to(stacks(t)), test.args...)
			if got.code != test.code || got.out != "" || !strings.HasPrefix(got.errOut, "ingest: ") || !strings.Contains(got.errOut, test.want) {
				t.Errorf("%+v, want %d %q", got, test.code, test.want)
			}
		})
	}
}

func TestCtrlC(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := ingest(ctx, to(stacks(t)), "sql", "orders"); got != (result{exitStopped, "", "ingest: stopped\n"}) {
		t.Errorf("%+v", got)
	}
}

func TestClosedPipe(t *testing.T) {
	var errOut bytes.Buffer
	if code := run(t.Context(), []string{"sql", "orders"}, closed{}, &errOut, to(stacks(t))); code != exitFailed || !strings.Contains(errOut.String(), "broken pipe") {
		t.Errorf("%d: %s", code, errOut.String())
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestCompletion(t *testing.T) {
	got := ingest(t.Context(), to(stacks(t)), "__complete", "--profile", "p", "sql", "")
	if got.code != exitOK || !strings.HasPrefix(got.out, "old\tstack Old\norders\tstack Orders\nreturns\tstack Returns\n:4\n") {
		t.Errorf("%+v", got)
	}
	if got := ingest(t.Context(), to(stacks(t)), "completion", "bash"); got.code != exitOK || !strings.Contains(got.out, "__start_ingest") {
		t.Errorf("%.200s %s", got.out, got.errOut)
	}
}

// isolate removes the AWS configuration of the machine.
func isolate(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDFORMATION",
	} {
		t.Setenv(name, "")
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestConnectReportsWhatIsMissing(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"region":      {[]string{"sql", "orders"}, "no AWS region: give --region"},
		"credentials": {[]string{"sql", "orders", "--region", "eu-central-1"}, "no AWS credentials: give --profile"},
		"profile":     {[]string{"sql", "orders", "--profile", "nobody"}, "nobody"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			if got := ingest(t.Context(), connect, test.args...); got.code != exitFailed || !strings.Contains(got.errOut, test.want) {
				t.Errorf("%+v, want %q", got, test.want)
			}
		})
	}
}

// serveStacks serves an account without stacks at AWS_ENDPOINT_URL and returns the
// requests.
func serveStacks(t *testing.T) <-chan *http.Request {
	t.Helper()
	isolate(t)
	requests := make(chan *http.Request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		w.Header().Set("Content-Type", "text/xml")
		w.Header().Set("X-Amzn-Requestid", "r-1")
		if _, err := w.Write([]byte(`<DescribeStacksResponse><DescribeStacksResult><Stacks/></DescribeStacksResult></DescribeStacksResponse>`)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	t.Setenv("AWS_SESSION_TOKEN", "a-session-token")
	return requests
}

// The real client uses the endpoint of the environment.
func TestEndpointURL(t *testing.T) {
	requests := serveStacks(t)
	got := ingest(t.Context(), connect, "sql", "orders", "--region", "eu-central-1")
	if got.code != exitFailed || !strings.Contains(got.errOut, "no stack of this account and region has a feed") {
		t.Fatalf("%+v", got)
	}
	if r := <-requests; !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/cloudformation/") {
		t.Errorf("request signed as %s", r.Header.Get("Authorization"))
	}
}

func TestDebugLogsRequestsWithoutCredentials(t *testing.T) {
	requests := serveStacks(t)
	got := ingest(t.Context(), connect, "list", "--region", "eu-central-1", "--debug")
	host := (<-requests).Host
	if got.code != exitOK || !strings.Contains(got.errOut, "level=DEBUG msg=aws request=CloudFormation.DescribeStacks region=eu-central-1 host="+host+" status=200 request_id=r-1 duration=") {
		t.Errorf("%+v", got)
	}
	if strings.Contains(got.errOut, "a-session-token") || strings.Contains(got.errOut, "Signature") {
		t.Errorf("credentials in the log: %s", got.errOut)
	}
}

func TestUnreachableEndpoint(t *testing.T) {
	isolate(t)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	const want = "ingest: list the stacks: CloudFormation DescribeStacks: cannot reach http://127.0.0.1:1: connect: connection refused: check AWS_ENDPOINT_URL"
	if got := ingest(t.Context(), connect, "list", "--region", "eu-central-1"); got.code != exitFailed || !strings.HasPrefix(got.errOut, want) {
		t.Errorf("%+v", got)
	}
}
