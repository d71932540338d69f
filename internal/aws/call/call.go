// Package call makes a single signed request to a service of AWS. It is for
// the few calls of the functions for which the SDK's client of the service
// would be most of what a binary may grow by: 0.3 MB for SQS, 0.2 MB each for Lambda
// and STS.
package call

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/ingestion/internal/retry"
)

// Request is one request, a POST.
type Request struct {
	// Service is the name that the request is signed for, in lower case.
	Service string
	URL     string
	Header  map[string]string
	Body    []byte
	// Fault reads the code and the message of an answer that tells of an error.
	Fault func(header http.Header, body []byte) (code, message string)
}

const (
	// maxAnswer bounds what is read of an answer, in bytes: those of this
	// project's calls have a few kilobytes.
	maxAnswer = 1 << 20
	// defaultAttempts is how often a call is tried, as the SDK does by default.
	defaultAttempts = 3
)

// Do makes the request with cfg's credentials in cfg's region, again after what
// the SDK takes for a passing error, and returns the answer's body. An error
// that the service has told is a smithy.APIError.
func Do(ctx context.Context, cfg aws.Config, r Request) ([]byte, error) {
	attempts := defaultAttempts
	if cfg.RetryMaxAttempts > 0 {
		attempts = cfg.RetryMaxAttempts
	}
	retryer := sdkretry.NewStandard(func(o *sdkretry.StandardOptions) { o.MaxAttempts = attempts })
	for attempt := 1; ; attempt++ {
		body, err := once(ctx, cfg, r)
		if err == nil || attempt == attempts || !retryer.IsErrorRetryable(err) {
			return body, err
		}
		delay, delayErr := retryer.RetryDelay(attempt, err)
		if delayErr != nil {
			return nil, errors.Join(err, delayErr)
		}
		if waitErr := retry.Wait(ctx, delay); waitErr != nil {
			return nil, errors.Join(err, waitErr)
		}
	}
}

func once(ctx context.Context, cfg aws.Config, r Request) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	for name, value := range r.Header {
		request.Header.Set(name, value)
	}
	if cfg.Credentials == nil {
		return nil, errors.New("there are no credentials to sign the request with")
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	sum := sha256.Sum256(r.Body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), r.Service, cfg.Region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	var client aws.HTTPClient = http.DefaultClient
	if cfg.HTTPClient != nil {
		client = cfg.HTTPClient
	}
	response, err := client.Do(request)
	if err != nil {
		// So the retryer knows a broken connection from an error of ours.
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	defer func() { _ = response.Body.Close() }() // it was read, or the error came with the read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	if response.StatusCode/100 == 2 {
		return body, nil
	}
	code, message := r.Fault(response.Header, body)
	code = plain(code)
	return nil, &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: response}, Err: &smithy.GenericAPIError{Code: code, Message: message},
	}}
}

// plain is a code without the name of the service before it and the place of its
// description behind it: what passes is told by the code alone.
func plain(code string) string {
	code = code[strings.LastIndexByte(code, '#')+1:]
	code, _, _ = strings.Cut(code, ":")
	return code
}
