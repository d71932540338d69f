package handler

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

// AWSConfig is what config.LoadDefaultConfig makes of the environment. A
// function has nothing else: no home with a profile, no single sign-on, no
// instance metadata, and its credentials are in the environment. The code for
// all that is a tenth of a function's binary.
func AWSConfig(getenv func(string) string) (aws.Config, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return aws.Config{}, err
	}
	cfg := aws.Config{
		Region:                     env.Region,
		Logger:                     logging.NewStandardLogger(os.Stderr),
		ConfigSources:              []any{env}, // from which the clients take what is a service's own
		AppID:                      env.AppID,
		DefaultsMode:               orDefault(env.DefaultsMode, aws.DefaultsModeLegacy),
		RetryMode:                  env.RetryMode,
		RetryMaxAttempts:           env.RetryMaxAttempts,
		AccountIDEndpointMode:      orDefault(env.AccountIDEndpointMode, aws.AccountIDEndpointModePreferred),
		RequestChecksumCalculation: orDefault(env.RequestChecksumCalculation, aws.RequestChecksumCalculationWhenSupported),
		ResponseChecksumValidation: orDefault(env.ResponseChecksumValidation, aws.ResponseChecksumValidationWhenSupported),
		DisableRequestCompression:  aws.ToBool(env.DisableRequestCompression),
		DisableClockSkewCorrection: aws.ToBool(env.DisableClockSkewCorrection),
		AuthSchemePreference:       env.AuthSchemePreference,
		// The SDK's own default.
		RequestMinCompressSizeBytes: 10240,
	}
	if env.RequestMinCompressSizeBytes != nil {
		cfg.RequestMinCompressSizeBytes = *env.RequestMinCompressSizeBytes
	}
	if cfg.DefaultsMode == aws.DefaultsModeAuto {
		cfg.RuntimeEnvironment = aws.RuntimeEnvironment{
			EnvironmentIdentifier: aws.ExecutionEnvironmentID(getenv("AWS_EXECUTION_ENV")), Region: env.Region,
		}
	}
	if env.BaseEndpoint != "" && !aws.ToBool(env.IgnoreConfiguredEndpoints) {
		cfg.BaseEndpoint = &env.BaseEndpoint
	}
	client, clientErr := httpClient(env.CustomCABundle)
	cfg.HTTPClient = client
	var credsErr error
	cfg.Credentials, credsErr = credentials(env)
	return cfg, errors.Join(clientErr, credsErr)
}

func orDefault[T comparable](value, byDefault T) T {
	var unset T
	if value == unset {
		return byDefault
	}
	return value
}

// credentials are those that Lambda puts into the environment: the role's.
func credentials(env config.EnvConfig) (aws.CredentialsProvider, error) {
	if !env.Credentials.HasKeys() {
		return nil, errors.New("no credentials in the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return env.Credentials, nil }), nil
}

// httpClient keeps as many connections open as there may be requests under way;
// the SDK's default keeps ten, and each further one costs a TLS handshake a
// call. authorities names a file of certificates to trust instead of the system's.
func httpClient(authorities string) (*awshttp.BuildableClient, error) {
	var pool *x509.CertPool
	if authorities != "" {
		pem, err := os.ReadFile(authorities)
		if err != nil {
			return nil, fmt.Errorf("environment variable AWS_CA_BUNDLE: %w", err)
		}
		if pool = x509.NewCertPool(); !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("environment variable AWS_CA_BUNDLE: %s has no certificate", authorities)
		}
	}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 64
		t.WriteBufferSize = 64 << 10 // of the default's 4 KB, a part of megabytes takes thousands
		t.TLSClientConfig.RootCAs = pool
	}), nil
}
