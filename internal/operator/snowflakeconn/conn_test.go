package snowflakeconn

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/testing/fake"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

var (
	spec = snowflake.Spec{
		Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", ExternalID: "orders-123",
		From: snowflake.FromParts, Load: snowflake.Continuous, Format: feed.Format{Kind: feed.JSON},
	}
	connection = snowflake.Connection{Account: "org-acct", User: "INGESTION", Role: "LOADER", Secret: "ingestion/snowflake"}
)

// deployment returns a feed with that Snowflake metadata in its template.
func deployment(t *testing.T, s *snowflake.Spec, c *snowflake.Connection, more ...string) *operator.Deployment {
	t.Helper()
	outputs := map[string]string{"OrdersFeed": "orders"}
	for name, value := range map[string]string{
		"LandingPrefix": "landing/orders/", "LandingBucket": "landing", "Table": "records", "UnpackFunction": "u", "LoadFunction": "l",
		"FailureQueueUrl": "https://q/f", "SnowflakeOwner": "1/r/Orders/Orders", "SnowflakeBucket": "landing",
		"SnowflakeRoleArn": "arn:aws:iam::123456789012:role/r", "SnowflakeTopic": "arn:aws:sns:us-east-1:123456789012:t",
	} {
		outputs["Orders"+name] = value
	}
	for i := 0; i < len(more); i += 2 {
		outputs["Orders"+more[i]] = more[i+1]
	}
	template, err := json.Marshal(map[string]any{"Metadata": map[string]any{"Ingestion": map[string]any{
		"Orders": operator.Static{Spec: feed.Spec{Feed: "orders", Sources: []feed.Source{{Kind: feed.ExternalBucket, Bucket: "theirs"}}}, Snowflake: s, Connection: c},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := operator.Open(t.Context(), operator.Account{Stacks: &fake.CloudFormation{Stacks: []fake.Stack{
		{Name: "Orders", Outputs: outputs, Template: string(template)},
	}}}, "orders")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// secrets is a Secrets Manager with one secret, or one that returns an error.
type secrets struct {
	name, text string
	binary     []byte
	err        error
	region     string // of the last request
}

func (s *secrets) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, options ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	var o secretsmanager.Options
	for _, option := range options {
		option(&o)
	}
	s.region = o.Region
	switch {
	case s.err != nil:
		return nil, s.err
	case *in.SecretId != s.name:
		return nil, &smithy.GenericAPIError{Code: "ResourceNotFoundException", Message: *in.SecretId}
	case s.binary != nil:
		return &secretsmanager.GetSecretValueOutput{SecretBinary: s.binary}, nil
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String(s.text)}, nil
}

func key(t *testing.T) string {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestOpenReportsWhatIsMissing(t *testing.T) {
	token := connection
	token.Secret = ""
	tests := map[string]struct {
		spec    *snowflake.Spec
		c       *snowflake.Connection
		secrets *secrets
		is      error
		want    []string
	}{
		"no Snowflake":  {nil, nil, nil, ErrNoSnowflake, []string{`feed "orders" is not loaded into Snowflake`, "deploy stack Orders"}},
		"no connection": {&spec, nil, nil, ErrNoConnection, []string{"ingest sql orders", "Snowflake.Connection"}},
		"no secret":     {&spec, &connection, &secrets{name: "other"}, nil, []string{`secret "ingestion/snowflake"`, "docs/snowflake.md", "ARN"}},
		"no name":       {&spec, &token, &secrets{}, nil, []string{"names no secret", "deploy the feed again"}},
		"no permission": {
			&spec, &connection, &secrets{err: &smithy.GenericAPIError{Code: "AccessDeniedException"}}, nil,
			[]string{"secretsmanager:GetSecretValue", "kms:Decrypt", `user "INGESTION"`},
		},
		"no key": {&spec, &connection, &secrets{name: "ingestion/snowflake", text: "hidden"}, nil, []string{"no PEM block"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := open(t.Context(), deployment(t, test.spec, test.c), test.secrets, "")
			if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.HasPrefix(err.Error(), `feed "orders"`) || strings.Contains(err.Error(), "hidden") {
				t.Fatalf("error %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nlacks %q", err, want)
				}
			}
		})
	}
}

// The real driver reports a login that the endpoint rejects.
func TestOpenReportsARejectedLogin(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte(`{"success":false,"code":"390144","message":"JWT token is invalid."}`)); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	const secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:ingestion/snowflake-abcdef"
	tests := map[string]struct {
		change func(*snowflake.Connection)
		more   []string
		want   string
	}{
		"with a key":             {func(c *snowflake.Connection) { c.Secret = secret }, nil, "RSA_PUBLIC_KEY_FP"},
		"with a secret's output": {func(c *snowflake.Connection) { c.Secret = "" }, []string{"SnowflakeSecret", secret}, "RSA_PUBLIC_KEY_FP"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := connection
			test.change(&c)
			s := &secrets{name: secret, binary: []byte(key(t))}
			_, err := open(t.Context(), deployment(t, &spec, &c, test.more...), s, server.URL)
			if !errors.Is(err, client.ErrLogin) || !strings.Contains(err.Error(), test.want) || s.region != "eu-west-1" {
				t.Errorf("region %q, error %v", s.region, err)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	w, err := Describe(deployment(t, &spec, &connection))
	if err != nil || w.Plan.View.StoredName() != "ORDERS_RECORDS" || w.Plan.Pipe == nil || w.Connection != connection || w.Client != nil {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestStatement(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 1": "SELECT 1", " SELECT ';' ; \n": "SELECT ';'", "SELECT 1 -- a; b\n;": "SELECT 1",
		"EXECUTE IMMEDIATE $$ BEGIN a; b; END $$": "EXECUTE IMMEDIATE $$ BEGIN a; b; END $$",
	} {
		if got, err := Statement(text); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"": "no statement", " ; -- x": "no statement", "SELECT 1; SELECT 2": "2 statements", "SELECT 'x": "not closed"} {
		if _, err := Statement(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestValues(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 30, 0, 500_000_000, time.FixedZone("", 3600))
	for _, test := range []struct {
		kind       string
		v          any
		json, text string
	}{
		{"FIXED", "12345678901234567890.10", "12345678901234567890.10", "12345678901234567890.10"},
		{"FIXED", int64(7), "7", "7"},
		{"REAL", 1e6, "1000000", "1000000"},
		{"REAL", math.NaN(), `"NaN"`, "NaN"},
		{"REAL", "inf", `"inf"`, "inf"},
		{"TEXT", "12", `"12"`, "12"},
		{"BOOLEAN", true, "true", "true"},
		{"VARIANT", `{ "a": 1 }`, `{"a":1}`, `{"a":1}`},
		{"VARIANT", "undefined", `"undefined"`, "undefined"},
		{"DATE", at, `"2026-03-01"`, "2026-03-01"},
		{"TIME", at, `"12:30:00.5"`, "12:30:00.5"},
		{"TIMESTAMP_NTZ", at, `"2026-03-01T12:30:00.5"`, "2026-03-01T12:30:00.5"},
		{"TIMESTAMP_TZ", at, `"2026-03-01T12:30:00.5+01:00"`, "2026-03-01T12:30:00.5+01:00"},
		{"BINARY", []byte{0xab, 1}, `"ab01"`, "ab01"},
		{"TEXT", nil, "null", "NULL"},
	} {
		c := client.Column{Name: "C", Type: test.kind}
		got, err := json.Marshal(Value(c, test.v))
		if err != nil || string(got) != test.json || Text(c, test.v, "NULL") != test.text {
			t.Errorf("%s %v: %s, %q, %v; want %s, %q", test.kind, test.v, got, Text(c, test.v, "NULL"), err, test.json, test.text)
		}
	}
}
