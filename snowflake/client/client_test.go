package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/snowflakedb/gosnowflake/v2"

	"example.com/ingestion/snowflake"
)

var connection = snowflake.Connection{Account: "org-acct", User: "ingestion", Role: "LOADER", Warehouse: "WH"}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestParseKey(t *testing.T) {
	key := newKey(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := encode("PRIVATE KEY", pkcs8(t, key))
	wrapped, err := json.Marshal(map[string]string{"privateKey": string(good)})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		secret []byte
		want   string // part of the error; empty if the key is valid
	}{
		"PEM":            {good, ""},
		"space around":   {append([]byte("\n "), good...), ""},
		"JSON":           {wrapped, ""},
		"other JSON":     {[]byte(`{"key":"hidden"}`), `"privateKey"`},
		"empty":          {nil, "no PEM block"},
		"one line":       {[]byte(strings.ReplaceAll(string(good), "\n", " ")), "keep its line breaks"},
		"PKCS#1":         {encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), "openssl pkcs8 -topk8 -nocrypt"},
		"encrypted":      {encode("ENCRYPTED PRIVATE KEY", []byte("hidden")), "openssl pkcs8 -topk8 -nocrypt"},
		"public":         {encode("PUBLIC KEY", []byte("hidden")), "public key"},
		"damaged":        {encode("PRIVATE KEY", []byte("hidden")), "damaged"},
		"elliptic curve": {encode("PRIVATE KEY", pkcs8(t, other)), "RSA keys only"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseKey(test.secret)
			if test.want == "" {
				if err != nil || !got.Equal(key) {
					t.Errorf("got a different key, or %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	key := newKey(t)
	cfg, err := config(connection, key, "http://127.0.0.1:1234")
	if err != nil || cfg.Protocol != "http" || cfg.Host != "127.0.0.1" || cfg.Port != 1234 || cfg.Authenticator != gosnowflake.AuthTypeJwt || cfg.Database != "" {
		t.Errorf("key and endpoint: %v, %v", cfg.Host, err)
	}
	private := connection
	private.Host, private.WorkloadIdentity = "org-acct.privatelink.snowflakecomputing.com", true
	cfg, err = config(private, nil, "")
	if err != nil || cfg.Host != private.Host || cfg.Authenticator != gosnowflake.AuthTypeWorkloadIdentityFederation || cfg.WorkloadIdentityProvider != "AWS" {
		t.Errorf("workload identity: %v, %v", cfg.Host, err)
	}
	if cfg, err = config(connection, key, "http://snowflake.test"); err != nil || cfg.Port != 80 {
		t.Errorf("HTTP without a port: %d, %v", cfg.Port, err)
	}
	if _, err = config(connection, nil, ""); err == nil {
		t.Error("no key is accepted")
	}
	if _, err = config(connection, key, "127.0.0.1:1234"); err == nil || !strings.Contains(err.Error(), EnvEndpoint) {
		t.Errorf("endpoint without a scheme: %v", err)
	}
}

func TestLoginErrors(t *testing.T) {
	key := newKey(t)
	fingerprint, err := Fingerprint(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		err  error
		want []string
	}{
		"key":     {&gosnowflake.SnowflakeError{Number: 390144, Message: "JWT token is invalid."}, []string{`user "ingestion"`, `DESC USER "INGESTION"`, "RSA_PUBLIC_KEY_FP", fingerprint, `ALTER USER "INGESTION" SET RSA_PUBLIC_KEY`, "account identifier"}},
		"default": {&gosnowflake.SnowflakeError{Number: 390201, Message: "The requested warehouse does not exist"}, []string{`ALTER USER "INGESTION" UNSET DEFAULT_WAREHOUSE`}},
		"role":    {&gosnowflake.SnowflakeError{Number: 390189, Message: "Role does not exist"}, []string{`GRANT ROLE "LOADER" TO USER "INGESTION"`}},
		"account": {&gosnowflake.SnowflakeError{Number: gosnowflake.ErrCodeFailedToConnect, Message: "HTTP 403"}, []string{`account "org-acct"`, "CURRENT_ORGANIZATION_NAME"}},
		"network": {errors.New("dial tcp: no such host"), []string{"org-acct.snowflakecomputing.com can be reached", "no such host"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := loginError(test.err, connection, key, "")
			if !errors.Is(got, ErrLogin) || !errors.Is(got, test.err) {
				t.Errorf("%v is not ErrLogin", got)
			}
			for _, want := range test.want {
				if !strings.Contains(got.Error(), want) {
					t.Errorf("%v\nlacks %q", got, want)
				}
			}
		})
	}
	identity := connection
	identity.WorkloadIdentity = true
	if got := loginError(&gosnowflake.SnowflakeError{Number: 390144}, identity, nil, "").Error(); !strings.Contains(got, "WORKLOAD_IDENTITY=(TYPE=AWS") {
		t.Errorf("workload identity: %s", got)
	}
}

func TestStatementErrors(t *testing.T) {
	const refused = "SQL access control error: Insufficient privileges to operate on "
	tests := map[string]struct {
		statement, message string
		number             int
		class              error
		want               string
	}{
		"create stage":        {`CREATE STAGE IF NOT EXISTS "RAW"."PUBLIC"."S" URL='s3://b/'`, refused + "schema 'PUBLIC'", 3001, ErrPrivilege, `GRANT CREATE STAGE ON SCHEMA "RAW"."PUBLIC" TO ROLE "LOADER"`},
		"create external":     {`CREATE EXTERNAL TABLE IF NOT EXISTS "RAW"."a.b"."S"`, refused + "schema 'a.b'", 3001, ErrPrivilege, `GRANT CREATE EXTERNAL TABLE ON SCHEMA "RAW"."a.b" TO ROLE "LOADER"`},
		"create integration":  {`CREATE STORAGE INTEGRATION IF NOT EXISTS "I" TYPE=EXTERNAL_STAGE`, refused + "account 'ACCT'", 3001, ErrPrivilege, `GRANT CREATE INTEGRATION ON ACCOUNT TO ROLE "LOADER"`},
		"integration's usage": {`CREATE STAGE IF NOT EXISTS "RAW"."PUBLIC"."S"`, refused + "integration 'I'", 3001, ErrPrivilege, `GRANT USAGE ON INTEGRATION "I" TO ROLE "LOADER"`},
		"database":            {`CREATE STAGE IF NOT EXISTS "RAW"."PUBLIC"."S"`, refused + "database 'RAW'", 3001, ErrPrivilege, `GRANT USAGE ON DATABASE "RAW" TO ROLE "LOADER"`},
		"alter":               {`ALTER PIPE "RAW"."PUBLIC"."P" SET PIPE_EXECUTION_PAUSED=TRUE`, refused + "pipe 'P'", 3001, ErrPrivilege, `GRANT OWNERSHIP ON PIPE "RAW"."PUBLIC"."P" TO ROLE "LOADER"`},
		"resume":              {`ALTER TASK "RAW"."PUBLIC"."T" RESUME`, "Cannot execute task, EXECUTE TASK privilege must be granted to owner role", 91089, ErrPrivilege, `GRANT EXECUTE TASK, EXECUTE MANAGED TASK ON ACCOUNT TO ROLE "LOADER"`},
		"status":              {`SELECT SYSTEM$PIPE_STATUS('"RAW"."PUBLIC"."P"')`, "Insufficient privileges", 3001, ErrPrivilege, `GRANT MONITOR ON PIPE "RAW"."PUBLIC"."P" TO ROLE "LOADER"`},
		"missing database":    {`SHOW STAGES LIKE 'S' IN SCHEMA "RAW"."PUBLIC"`, "SQL compilation error:\nDatabase 'RAW' does not exist or not authorized.", 2003, ErrNotFound, `CREATE DATABASE RAW; or, if it exists, authorize the role: GRANT USAGE ON DATABASE RAW TO ROLE "LOADER"`},
		"missing integration": {`DESC STORAGE INTEGRATION "I"`, "Integration 'I' does not exist or not authorized.", 2003, ErrNotFound, `GRANT USAGE ON INTEGRATION I TO ROLE "LOADER"`},
		"syntax":              {"CREATE STAGE", "syntax error line 1 at position 12", 1003, ErrSyntax, "defect"},
		"no warehouse":        {"SELECT QUERY_ID FROM TABLE(X)", "No active warehouse selected in the current session.", 606, nil, `set Warehouse of the connection, and run GRANT USAGE ON WAREHOUSE <name> TO ROLE "LOADER"`},
		"another":             {"SELECT 1", "Numeric value 'x' is not recognized", 100038, nil, "SELECT 1: 100038"},
	}
	c := &Client{role: "LOADER"}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := c.statementError(t.Context(), &gosnowflake.SnowflakeError{Number: test.number, Message: test.message}, test.statement)
			if test.class != nil && !errors.Is(got, test.class) {
				t.Errorf("%v is not %v", got, test.class)
			}
			if !strings.Contains(got.Error(), test.want) || !strings.HasPrefix(got.Error(), Shorten(test.statement)) {
				t.Errorf("%v\nlacks %q", got, test.want)
			}
		})
	}
}

func TestStatementErrorHasCauseOfContext(t *testing.T) {
	cause := errors.New("the function's timeout is near")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if got := (&Client{}).statementError(ctx, context.Canceled, "SELECT 1"); !errors.Is(got, cause) {
		t.Errorf("%v lacks the cause", got)
	}
}

func TestShorten(t *testing.T) {
	if got := Shorten("CREATE\n  STAGE  x"); got != "CREATE STAGE x" {
		t.Errorf("got %q", got)
	}
	if got := []rune(Shorten(strings.Repeat("ü", 200))); len(got) != 100 || got[99] != '…' {
		t.Errorf("got %d characters", len(got))
	}
}
