// Command snowflake is the function behind the custom resources that bring an
// account of Snowflake to what a feed says.
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"

	"ingestion/snowflake/client"
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
	lambda.StartWithOptions(cfn.LambdaWrap(h.handle), lambda.WithContext(ctx))
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
