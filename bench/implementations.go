package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"example.com/ingestion/feed"
)

// Names of buckets, table and feed.
const (
	sourceBucket  = "source"
	landingBucket = "landing"
	tableName     = "t"
	feedName      = "bench"
)

// Names of the implementations that are compared.
const (
	oursName     = "ours"
	fasthttpName = "ours, fasthttp"
	sdkName      = "SDK for Go"
	bentoName    = "Bento 1.19.0"
	pythonName   = "Python, boto3"
)

// environment returns all environment variables of a process that is measured.
func (b *bench) environment(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir,
		"AWS_ENDPOINT_URL=" + b.url, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token",
		"AWS_EC2_METADATA_DISABLED=true",
	}, more...)
}

// Memory in MB, as the functions have it by default.
const (
	unpackMemory = feed.DefaultUnpackMemoryMB
	loadMemory   = feed.DefaultLoadMemoryMB
)

func (b *bench) functionEnvironment(format feed.Format, memory int) ([]string, error) {
	spec := feed.Spec{Feed: feedName, Sources: []feed.Source{{Kind: feed.OwnBucket}}, Format: format}.WithDefaults()
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	encoded, err := spec.Env()
	if err != nil {
		return nil, err
	}
	return b.environment(
		feed.EnvSpec+"="+encoded, feed.EnvLandingBucket+"="+landingBucket, feed.EnvTable+"="+tableName,
		feed.EnvLoadFunction+"=load", feed.EnvLoaders+"=1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(memory),
	), nil
}

// outcome is the result of one run of one implementation.
type outcome struct {
	usage
	InitMilliseconds float64  `json:"init_ms,omitempty"`
	Calls            int      `json:"calls,omitempty"`
	CallsPerSecond   float64  `json:"calls_per_second,omitempty"`
	Equal            bool     `json:"equal"`
	bodies           [][]byte // of BatchWriteItem
}

// unpack runs the unpack function on one object.
func (b *bench) unpack(ctx context.Context, key string) (outcome, error) {
	var o outcome
	env, err := b.functionEnvironment(formatOf(key), unpackMemory)
	if err != nil {
		return o, err
	}
	b.clearLandingBucket()
	f, err := startFunction(ctx, b.program("unpack"), env)
	if err != nil {
		return o, err
	}
	event := fmt.Appendf(nil, `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`, sourceBucket, key)
	begin := time.Now()
	invokeErr := f.invoke(ctx, event)
	wall := time.Since(begin)
	o.usage, err = f.stopFunction()
	o.WallSeconds = wall.Seconds()
	o.InitMilliseconds = float64(f.Init.Microseconds()) / 1e3
	if invokeErr != nil {
		return o, fmt.Errorf("unpack of %s: %w", key, invokeErr)
	}
	return o, err
}

// load runs the binary of a load function, one loader, on the parts that wait.
func (b *bench) load(ctx context.Context, binary string) (outcome, error) {
	var o outcome
	env, err := b.functionEnvironment(feed.Format{Kind: feed.NDJSON}, loadMemory)
	if err != nil {
		return o, err
	}
	f, err := startFunction(ctx, b.program(binary), env)
	if err != nil {
		return o, err
	}
	begin := time.Now()
	invokeErr := f.invoke(ctx, []byte(`{}`))
	wall := time.Since(begin)
	o.usage, err = f.stopFunction()
	o.WallSeconds = wall.Seconds()
	o.InitMilliseconds = float64(f.Init.Microseconds()) / 1e3
	if invokeErr != nil {
		return o, invokeErr
	}
	return o, err
}

// run runs a program until it ends.
func (b *bench) run(ctx context.Context, program string, args ...string) (outcome, error) {
	p, err := start(ctx, b.environment(), program, args...)
	if err != nil {
		return outcome{}, err
	}
	u, err := p.wait()
	return outcome{usage: u}, err
}

const bentoConfig = `
logger: {level: ERROR}
http: {enabled: false}
input:
  aws_s3:
    bucket: %[2]s
    prefix: %[3]s
    region: us-east-1
    endpoint: %[1]s
    force_path_style_urls: true
    credentials: {id: id, secret: secret}
    scanner: {decompress: {algorithm: gzip, into: {lines: {max_buffer_size: 1000000}}}}
output:
  aws_dynamodb:
    table: %[4]s
    region: us-east-1
    endpoint: %[1]s
    credentials: {id: id, secret: secret}
    string_columns: {pk: "src#upload", sk: "${! counter() }"}
    json_map_columns: {"": .}
    json_number_type: number
    max_in_flight: 64
    batching: {count: 25, period: 100ms}
`

func (b *bench) bento(ctx context.Context, key string) (outcome, error) {
	config := filepath.Join(b.dir, "bento.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, bentoConfig, b.url, sourceBucket, key, tableName), 0o600); err != nil {
		return outcome{}, err
	}
	return b.run(ctx, b.program("bento"), "-c", config)
}
