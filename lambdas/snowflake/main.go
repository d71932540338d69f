// Command snowflake is the function behind the custom resources that bring an
// account of Snowflake to what a feed says. Every four hours it looks whether the pipes
// of feeds with alarms still work.
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"example.com/ingestion/snowflake/client"
)

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	if err := prepare(getenv); err != nil {
		return err
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	l := login{secrets: newSecrets(cfg), endpoint: getenv(client.EnvEndpoint)}
	h := handler{open: l.open}
	w := watcher{open: l.open, table: dynamodb.NewFromConfig(cfg), topic: sns.NewFromConfig(cfg), now: time.Now}
	lambda.StartWithOptions(dispatch(w, cfn.LambdaWrap(h.handle)), lambda.WithContext(ctx))
	return nil
}

// prepare gives the driver what it looks for in the environment: the one place
// where a function may write, for its caches of certificate checks.
func prepare(getenv func(string) string) error {
	for _, v := range [][2]string{
		{"HOME", "/tmp"},
		{"SF_OCSP_RESPONSE_CACHE_DIR", "/tmp"},
		{"SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true"},
	} {
		if getenv(v[0]) != "" {
			continue
		}
		if err := os.Setenv(v[0], v[1]); err != nil {
			return fmt.Errorf("set %s: %w", v[0], err)
		}
	}
	return nil
}
