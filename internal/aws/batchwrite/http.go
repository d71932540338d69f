package batchwrite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// httpTransport is a transport with the SDK's signer and the SDK client's HTTP
// client, for whatever pool does not support, such as a proxy.
type httpTransport struct {
	endpoint string
	region   string
	client   dynamodb.HTTPClient
	signer   *v4.Signer
}

func newHTTPTransport(endpoint *url.URL, region string, client dynamodb.HTTPClient) *httpTransport {
	to := endpoint.String()
	if endpoint.Path == "" {
		to += "/"
	}
	return &httpTransport{endpoint: to, region: region, client: client, signer: v4.NewSigner()}
}

func (t *httpTransport) send(ctx context.Context, creds aws.Credentials, r request, now time.Time) (response, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body := r.body()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.endpoint, bytes.NewReader(body))
	if err != nil {
		return response{}, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Amz-Target", target)
	req.Header.Set("Accept-Encoding", "identity") // X-Amz-Crc32 is the checksum of the encoded body
	sum := sha256.Sum256(body)
	if err := t.signer.SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), service, t.region, now); err != nil {
		return response{}, fmt.Errorf("sign request: %w", err)
	}
	httpResp, err := t.client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = httpResp.Body.Close() }() // it was read to its end or has failed already
	resp := response{status: httpResp.StatusCode, crc: httpResp.Header.Get("X-Amz-Crc32"), date: httpResp.Header.Get("Date")}
	if resp.body, err = io.ReadAll(httpResp.Body); err != nil {
		return response{}, fmt.Errorf("read response: %w", err)
	}
	return resp, nil
}
