package live

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/snowflakedb/gosnowflake/v2"

	"example.com/ingestion/local"
	"example.com/ingestion/local/sandbox"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

const repo = "../.."

// accounts returns the accounts of a mode.
func accounts(t *testing.T, mode, environment string) target {
	t.Helper()
	switch mode {
	case "sandbox":
		return inSandbox(t, environment)
	case "1":
		return inAccounts(t, environment)
	}
	t.Fatalf("INGESTION_LIVE is %q: 1 for real accounts, sandbox for this machine", mode)
	return target{}
}

func inSandbox(t *testing.T, environment string) target {
	t.Helper()
	schema := strings.ToUpper(environment)
	s, err := sandbox.Start(t.Context(), local.Options{
		App: demoApp,
		Dir: t.TempDir(), Repo: repo, Log: t.Output(),
		Context: map[string]string{"environment": environment, "snowflakeSchema": schema},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.CreateSchema(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	if err := s.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg, err := s.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db, err := s.Query()
	if err != nil {
		t.Fatal(err)
	}
	return target{
		aws: cfg, db: db, schema: snowflake.Qualified(sandbox.Database, schema),
		cdk: func(ctx context.Context, args ...string) error { return s.CDK(ctx, io.Discard, args...) },
	}
}

// demoApp is the command that synthesizes the demo's app.
const demoApp = "go run ./examples/demo"

// inAccounts uses the ordinary credentials of AWS, and these variables for Snowflake.
func inAccounts(t *testing.T, environment string) target {
	t.Helper()
	values := map[string]string{}
	for _, name := range []string{"SNOWFLAKE_ACCOUNT", "SNOWFLAKE_USER", "SNOWFLAKE_ROLE", "SNOWFLAKE_WAREHOUSE", "SNOWFLAKE_DATABASE", "SNOWFLAKE_PRIVATE_KEY_FILE"} {
		if values[name] = os.Getenv(name); values[name] == "" {
			t.Errorf("set %s", name)
		}
	}
	if t.Failed() {
		t.Fatal("see docs/snowflake.md, \"Trying it in real accounts\"")
	}
	text, err := os.ReadFile(values["SNOWFLAKE_PRIVATE_KEY_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	key, err := client.ParseKey(text)
	if err != nil {
		t.Fatalf("SNOWFLAKE_PRIVATE_KEY_FILE: %v", err)
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	secret, err := secretsmanager.NewFromConfig(cfg).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("ingestion/" + environment), SecretString: aws.String(string(text)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := secretsmanager.NewFromConfig(cfg).DeleteSecret(context.Background(), &secretsmanager.DeleteSecretInput{
			SecretId: secret.ARN, ForceDeleteWithoutRecovery: aws.Bool(true),
		}); err != nil {
			t.Error(err)
		}
	})
	db := sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, gosnowflake.Config{
		Account: values["SNOWFLAKE_ACCOUNT"], User: values["SNOWFLAKE_USER"], Role: values["SNOWFLAKE_ROLE"], Warehouse: values["SNOWFLAKE_WAREHOUSE"],
		Authenticator: gosnowflake.AuthTypeJwt, PrivateKey: key,
	}))
	schema := strings.ToUpper(environment)
	to := target{aws: cfg, db: db, schema: snowflake.Qualified(values["SNOWFLAKE_DATABASE"], schema)}
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+to.schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("DROP SCHEMA " + to.schema); err != nil {
			t.Error(err)
		}
	})
	to.cdk = func(ctx context.Context, args ...string) error {
		for name, value := range map[string]string{
			"environment": environment, "snowflakeAccount": values["SNOWFLAKE_ACCOUNT"], "snowflakeUser": values["SNOWFLAKE_USER"],
			"snowflakeRole": values["SNOWFLAKE_ROLE"], "snowflakeSecret": *secret.ARN,
			"snowflakeDatabase": values["SNOWFLAKE_DATABASE"], "snowflakeSchema": schema,
		} {
			args = append(args, "--context", name+"="+value)
		}
		cmd := exec.CommandContext(ctx, filepath.Join("node_modules", ".bin", "cdk"), append(args, "--app", demoApp)...)
		cmd.Dir = repo
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("cdk %s: %w\n%s", args[0], err, out)
		}
		return nil
	}
	return to
}
