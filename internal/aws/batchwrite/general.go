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

// general sends by the SDK's signer and the user's HTTP client: through a
// proxy, to an endpoint with a path, by a client of the user's own.
type general struct {
	endpoint string
	region   string
	client   dynamodb.HTTPClient
	signer   *v4.Signer
}

func newGeneral(endpoint *url.URL, region string, client dynamodb.HTTPClient) *general {
	to := endpoint.String()
	if endpoint.Path == "" {
		to += "/"
	}
	return &general{endpoint: to, region: region, client: client, signer: v4.NewSigner()}
}

func (g *general) send(ctx context.Context, creds aws.Credentials, m message) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body := m.body()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.endpoint, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Amz-Target", target)
	req.Header.Set("Accept-Encoding", "identity") // the checksum is of the body as it is sent
	sum := sha256.Sum256(body)
	if err := g.signer.SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), service, g.region, time.Now()); err != nil {
		return answer{}, fmt.Errorf("sign request: %w", err)
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end or has failed already
	a := answer{status: resp.StatusCode, crc: resp.Header.Get("X-Amz-Crc32")}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	return a, nil
}
