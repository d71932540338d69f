package call_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"example.com/ingestion/internal/aws/call"
	"example.com/ingestion/internal/functions/handler"
)

// transport keeps what was sent, and answers with the answers one after the
// other, the last of them for ever.
type transport struct {
	sent    []*http.Request
	bodies  []string
	answers []answer
}

type answer struct {
	status int
	body   string
	err    error
}

// Do implements aws.HTTPClient.
func (tr *transport) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	tr.sent, tr.bodies = append(tr.sent, r), append(tr.bodies, string(body))
	a := answer{status: http.StatusOK}
	if n := len(tr.answers); n > 0 {
		a = tr.answers[min(len(tr.sent), n)-1]
	}
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

// surroundings are those of a function with some variables more.
func surroundings(t *testing.T, variables map[string]string) (aws.Config, *transport) {
	t.Helper()
	all := map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
	maps.Copy(all, variables)
	for name, value := range all {
		t.Setenv(name, value)
	}
	cfg, err := handler.AWSConfig(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	tr := &transport{}
	cfg.HTTPClient = tr
	return cfg, tr
}

// services are those that are called by hand, by the SDK's name, and a call of each.
var services = map[string]struct {
	prefix string
	call   func(context.Context, aws.Config) error
}{
	"SQS": {"sqs", func(ctx context.Context, cfg aws.Config) error {
		_, err := sqs.NewFromConfig(cfg).ListQueues(ctx, &sqs.ListQueuesInput{})
		return err
	}},
	"Lambda": {"lambda", func(ctx context.Context, cfg aws.Config) error {
		_, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, &lambda.ListFunctionsInput{})
		return err
	}},
	"STS": {"sts", func(ctx context.Context, cfg aws.Config) error {
		_, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		return err
	}},
}

// A call goes where the SDK's own client goes, signed for the same service and region.
func TestEndpointsAreTheSDKs(t *testing.T) {
	own := map[string]map[string]string{
		"own":         {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
		"of each":     {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_SQS": "http://q.test/", "AWS_ENDPOINT_URL_STS": "https://s.test", "AWS_ENDPOINT_URL_LAMBDA": "http://l.test:81"},
		"own ignored": {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_SQS": "http://q.test", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
	}
	for _, region := range []string{
		"us-east-1", "eu-west-1", "ap-southeast-3", "mx-central-1", "cn-north-1", "us-gov-west-1", "us-gov-east-1", "eusc-de-east-1",
		"us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1",
	} {
		own[region] = map[string]string{"AWS_REGION": region}
		own[region+" FIPS"] = map[string]string{"AWS_REGION": region, "AWS_USE_FIPS_ENDPOINT": "true"}
		own[region+" dual"] = map[string]string{"AWS_REGION": region, "AWS_USE_DUALSTACK_ENDPOINT": "true"}
		own[region+" FIPS dual"] = map[string]string{"AWS_REGION": region, "AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"}
	}
	compared := 0
	for name, variables := range own {
		for service, of := range services {
			t.Run(name+"/"+service, func(t *testing.T) {
				cfg, tr := surroundings(t, variables)
				_ = of.call(t.Context(), cfg) // the answer is empty
				if len(tr.sent) == 0 {
					t.Skip("the SDK has no such endpoint")
				}
				theirs := tr.sent[0]
				endpoint, err := call.Endpoint(t.Context(), cfg, service, of.prefix)
				if err != nil {
					t.Fatal(err)
				}
				_, err = call.Do(t.Context(), cfg, call.Request{Service: of.prefix, URL: endpoint + "/"})
				if err != nil {
					t.Fatal(err)
				}
				ours := tr.sent[len(tr.sent)-1]
				if ours.URL.Host != theirs.URL.Host || ours.URL.Scheme != theirs.URL.Scheme || scope(ours) != scope(theirs) ||
					ours.Header.Get("X-Amz-Security-Token") != theirs.Header.Get("X-Amz-Security-Token") {
					t.Errorf("%s %s\nthe SDK has\n%s %s", ours.URL, scope(ours), theirs.URL, scope(theirs))
				}
				compared++
			})
		}
	}
	if compared < 100 {
		t.Errorf("only %d were compared", compared)
	}
}

// scope is what a request is signed for: key, day, region, service.
func scope(r *http.Request) string {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	return scope
}

func TestWhatPassesIsTriedAgain(t *testing.T) {
	fault := func(_ http.Header, body []byte) (code, message string) { return string(body), "so it is" }
	for name, test := range map[string]struct {
		answers []answer
		most    int // of the user's configuration
		tries   int
		code    string // of the error in the end
	}{
		"throttled, with the service's name": {answers: []answer{{status: 403, body: "com.amazonaws.sqs#RequestThrottled"}, {status: 200}}, tries: 2},
		"throttled, with a link":             {answers: []answer{{status: 429, body: "TooManyRequestsException:http://internal/x"}, {status: 200}}, tries: 2},
		"a server's error":                   {answers: []answer{{status: 503, body: ""}, {status: 500}, {status: 200}}, tries: 3},
		"a broken connection":                {answers: []answer{{err: io.ErrUnexpectedEOF}, {status: 200}}, tries: 2},
		"it does not pass":                   {answers: []answer{{status: 400, body: "Throttling"}}, tries: 3, code: "Throttling"},
		"as often as the user says":          {answers: []answer{{status: 400, body: "Throttling"}}, most: 2, tries: 2, code: "Throttling"},
		"final":                              {answers: []answer{{status: 400, body: "com.amazonaws.sqs#QueueDoesNotExist"}}, tries: 1, code: "QueueDoesNotExist"},
		"denied":                             {answers: []answer{{status: 403, body: "AccessDenied"}}, tries: 1, code: "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := aws.Config{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
			}), RetryMaxAttempts: test.most}
			tr := &transport{answers: test.answers}
			cfg.HTTPClient = tr
			_, err := call.Do(t.Context(), cfg, call.Request{Service: "sqs", URL: "https://sqs.test/", Body: []byte("body"), Fault: fault})
			var api smithy.APIError
			switch {
			case test.code == "" && err != nil:
				t.Errorf("error %v", err)
			case test.code != "" && (!errors.As(err, &api) || api.ErrorCode() != test.code || !strings.Contains(err.Error(), "so it is")):
				t.Errorf("error %v", err)
			}
			if len(tr.sent) != test.tries {
				t.Errorf("%d tries, want %d", len(tr.sent), test.tries)
			}
			for _, body := range tr.bodies {
				if body != "body" {
					t.Errorf("sent %q", body)
				}
			}
		})
	}
}

func TestWithoutCredentialsOrRegion(t *testing.T) {
	cfg := aws.Config{Region: "eu-west-1", HTTPClient: &transport{}}
	if _, err := call.Do(t.Context(), cfg, call.Request{URL: "https://sqs.test/"}); err == nil || !strings.Contains(err.Error(), "no credentials") {
		t.Errorf("error %v", err)
	}
	if _, err := call.Endpoint(t.Context(), aws.Config{}, "SQS", "sqs"); err == nil || !strings.Contains(err.Error(), "no region") {
		t.Errorf("error %v", err)
	}
}
