// Command snowflake is the function behind the custom resources that create a
// feed's objects in Snowflake. For feeds with alarms a schedule invokes it every four
// hours, to check the Snowpipe and to notify an SNS topic when it stops working.
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
	if err := setDriverEnvironment(getenv); err != nil {
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
	lambda.StartWithOptions(route(w, h, cfn.LambdaWrap(h.handle)), lambda.WithContext(ctx))
	return nil
}

// setDriverEnvironment sets environment variables that the driver reads: /tmp, the
// only directory to which a function may write, for its cache of certificate checks.
func setDriverEnvironment(getenv func(string) string) error {
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
