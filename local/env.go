// Package local runs the project's AWS side on this machine: moto_server for
// the services (with a CloudFormation of its own, see local/aws), and a Lambda
// host that runs the functions' very binaries. It deploys with the real cdk CLI.
// It is for development and tests only.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"example.com/ingestion/local/lambdahost"
)

// Account and Region are those of the local AWS.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

// Options of a local AWS.
type Options struct {
	// Dir takes state and logs; it is made if missing. Two runs need two folders.
	Dir string
	// Repo is the root of the repository: cdk.json, node_modules, dist, local/aws.
	Repo string
	// Log takes progress lines; nil discards them.
	Log io.Writer
	// Venv is where a Python environment is made if python3 lacks what
	// local/aws/requirements.txt names; empty means Repo/.venv.
	Venv string
	// Context is given to every cdk command of CDK, Deploy, Diff and Destroy, as
	// `--context key=value` each.
	Context map[string]string
	// Host sets up the Lambda host; its Dir and Log are taken from here.
	Host lambdahost.Options
}

// Env is a running local AWS.
type Env struct {
	options Options
	host    *lambdahost.Host
	server  *server
	config  aws.Config
	closing sync.Once
}

// Start starts the local AWS and returns once it answers. It takes free ports,
// so that any number may run side by side. What it starts ends with Close, with
// ctx, and with this process.
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
	e := &Env{options: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if e.host, err = lambdahost.New(o.Host); err != nil {
		return nil, err
	}
	// The numbers of a queue are exact here: the function drain has no minute to wait.
	e.host.Setenv("DRAIN_EVERY", "200ms")
	if e.server, err = startServer(ctx, python, o, e.host.URL()); err != nil {
		return nil, fmt.Errorf("local AWS: %w", err)
	}
	e.config, err = config.LoadDefaultConfig(ctx,
		config.WithRegion(Region),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("local", "local", "local")),
		config.WithSharedConfigFiles(nil),
		config.WithSharedCredentialsFiles(nil),
		// By address, not by name: for an address the S3 client puts the bucket
		// into the path, where for a name it would ask for <bucket>.localhost.
		config.WithBaseEndpoint(fmt.Sprintf("http://127.0.0.1:%d", e.server.port)),
	)
	if err != nil {
		return nil, fmt.Errorf("local AWS: %w", err)
	}
	e.host.Connect(e.config)
	progress(o.Log, "local AWS at %s, logs in %s\n", e.Endpoint(), filepath.Join(o.Dir, "logs"))
	return e, nil
}

// progress tells what goes on; a reader that is gone must not end the run.
func progress(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// Endpoint is the URL of every service of the local AWS.
func (e *Env) Endpoint() string {
	return fmt.Sprintf("http://localhost:%d", e.server.port)
}

// Host is the Lambda host: pausing, fault injection, waiting until it is idle.
func (e *Env) Host() *lambdahost.Host { return e.host }

// AWSConfig is the configuration for clients of the local AWS.
func (e *Env) AWSConfig(context.Context) (aws.Config, error) {
	return e.config.Copy(), nil
}

// AWSConfigOf is the configuration for clients of somebody else's account of the
// local AWS; its number, of 12 digits, is all it takes to have one. Unlike in
// Account, roles must be trusted to be assumed there and may do only what their
// policies allow, buckets let others do only what their policies allow, and
// those that are requester-pays refuse others who do not say that they pay. That
// goes for S3 and for sts:AssumeRole, see local/aws/fixes/accounts.py.
func (e *Env) AWSConfigOf(account string) aws.Config {
	config := e.config.Copy()
	config.Credentials = credentials.NewStaticCredentialsProvider(account, "local", "local")
	return config
}

// Environ is an environment in which every AWS client, and the cdk CLI with this
// project's app, uses the local AWS and nothing else: variables of this process
// that lead elsewhere are left out.
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
		// What "build" in cdk.json builds the functions for.
		"ARCH="+runtime.GOARCH,
	)
}

// Close ends the functions and the services. What they held is gone; logs stay
// in Dir. Closing again does nothing.
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
