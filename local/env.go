package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"example.com/ingestion/local/lambdahost"
)

// Account is the default account of the local AWS, Region its only region.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

// Options of a local AWS.
type Options struct {
	// Dir is the directory of logs, unpacked functions and temporary files; it is
	// created if missing. Each Env needs another one.
	Dir string
	// Repo is the root of the repository: cdk.json, node_modules, local/aws.
	Repo string
	// App is the command that synthesizes the app, run in Repo, as in `cdk --app`;
	// empty means the one in cdk.json.
	App string
	// Log receives progress messages; nil discards them.
	Log io.Writer
	// Venv is the directory of a virtual environment, which is created if python3
	// lacks the packages of local/aws/requirements.txt; empty means Repo/.venv.
	Venv string
	// Context is passed to every command of CDK, Deploy, Diff and Destroy as
	// --context key=value.
	Context map[string]string
	// IAM is the mode of IAM permissions; empty means IAMEnforced.
	IAM IAMMode
	// Host has the options of the Lambda host; Dir and Log are replaced by those above.
	Host lambdahost.Options
}

// Env is a running local AWS.
type Env struct {
	options Options
	// endpoint is the URL of every service.
	endpoint string
	host     *lambdahost.Host
	server   *server
	config   aws.Config
	closing  sync.Once
	python   string
}

// Python is the interpreter that the local AWS runs on, which has boto3. It is empty for an
// Env of Attach.
func (e *Env) Python() string { return e.python }

// Start starts a local AWS and returns when it is ready. It uses free ports, so that
// several may run at once. Close, the end of ctx and the exit of this process stop
// it.
func Start(ctx context.Context, o Options) (_ *Env, err error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("local AWS: %w", err)
	}
	if o.Repo, err = filepath.Abs(o.Repo); err != nil {
		return nil, fmt.Errorf("local AWS: %w", err)
	}
	if o.IAM == "" {
		o.IAM = IAMEnforced
	}
	if o.Venv == "" {
		o.Venv = filepath.Join(o.Repo, ".venv")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("local AWS: %w", err)
	}
	python, err := findPython(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("local AWS: %w", err)
	}
	o.Host.Dir, o.Host.Log = o.Dir, o.Log
	e := &Env{options: o, python: python}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if e.host, err = lambdahost.New(o.Host); err != nil {
		return nil, err
	}
	if e.server, err = startServer(ctx, python, o, e.host.URL()); err != nil {
		return nil, fmt.Errorf("local AWS: %w", err)
	}
	e.endpoint = fmt.Sprintf("http://localhost:%d", e.server.port)
	if e.config, err = awsConfig(ctx, e.endpoint); err != nil {
		return nil, err
	}
	e.host.Connect(e.config)
	progress(o.Log, "local AWS at %s, logs in %s\n", e.Endpoint(), filepath.Join(o.Dir, "logs"))
	return e, nil
}

// progress writes a progress message; an error of the writer is ignored.
func progress(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// Attach returns the local AWS that another process has started, by its endpoint,
// for cdk commands and clients. It has no Host, and Close leaves it running. Of o,
// Dir, Repo, App, Context and Log are used.
func Attach(ctx context.Context, endpoint string, o Options) (*Env, error) {
	cfg, err := awsConfig(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
		return nil, fmt.Errorf("the local AWS at %s does not answer: start one with `make local`: %w", endpoint, err)
	}
	return &Env{options: o, endpoint: endpoint, config: cfg}, nil
}

func awsConfig(ctx context.Context, endpoint string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(Region),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("local", "local", "local")),
		config.WithSharedConfigFiles(nil),
		config.WithSharedCredentialsFiles(nil),
		// An IP address, not localhost: with an IP address, the S3 client has the
		// bucket in the path; with a name, it would send requests to <bucket>.localhost.
		config.WithBaseEndpoint(strings.Replace(endpoint, "localhost", "127.0.0.1", 1)),
	)
	if err != nil {
		return aws.Config{}, fmt.Errorf("local AWS: %w", err)
	}
	return cfg, nil
}

// Endpoint is the URL of every service of the local AWS.
func (e *Env) Endpoint() string { return e.endpoint }

// Dir is the folder with state and logs.
func (e *Env) Dir() string { return e.options.Dir }

// Host is the Lambda host, with which tests pause functions, inject faults and wait
// until all events are processed.
func (e *Env) Host() *lambdahost.Host { return e.host }

// AWSConfig is the configuration of SDK clients in Account.
func (e *Env) AWSConfig(context.Context) (aws.Config, error) {
	return e.config.Copy(), nil
}

// AWSConfigOf is the configuration of SDK clients in another account of the local
// AWS, which exists for any number of 12 digits. Unlike in Account, roles of such an
// account must trust the principal that assumes them and may do only what their
// policies allow, and its buckets may be used from other accounts only as their
// policies allow, with x-amz-request-payer if they are requester-pays. This applies
// to S3 and to sts:AssumeRole: see local/aws/moto_patches/cross_account.py.
func (e *Env) AWSConfigOf(account string) aws.Config {
	config := e.config.Copy()
	config.Credentials = credentials.NewStaticCredentialsProvider(account, "local", "local")
	return config
}

// Environ is the environment of this process with the variables that make AWS
// clients and the cdk CLI use the local AWS, and without those that would make them
// use another one.
func (e *Env) Environ() []string {
	var env []string
	for _, kv := range os.Environ() {
		if strings.HasPrefix(kv, "AWS_") || strings.HasPrefix(kv, "CDK_") {
			continue
		}
		env = append(env, kv)
	}
	return append(env,
		"AWS_ENDPOINT_URL="+e.Endpoint(),
		"AWS_ACCESS_KEY_ID=local",
		"AWS_SECRET_ACCESS_KEY=local",
		"AWS_SESSION_TOKEN=local",
		"AWS_REGION="+Region,
		"AWS_DEFAULT_REGION="+Region,
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"CDK_DISABLE_CLI_TELEMETRY=true",
		"NO_PROXY=localhost,127.0.0.1",
		"no_proxy=localhost,127.0.0.1",
		"JSII_RUNTIME_PACKAGE_CACHE=enabled",
		"JSII_DEPRECATED=quiet",
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20",
		"CDK_NO_PERF_BUILTINS=1",
	)
}

// Close stops the functions and the services, whose state is lost; the logs in Dir
// are kept. It may be called more than once.
func (e *Env) Close() error {
	var errs []error
	e.closing.Do(func() {
		if e.host != nil {
			errs = append(errs, e.host.Close())
		}
		if e.server != nil {
			errs = append(errs, e.server.close())
		}
	})
	return errors.Join(errs...)
}
