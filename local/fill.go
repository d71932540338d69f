package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// FillBucket puts an object under each of the keys, all with the same body, into
// a bucket of any account. It is the way to a bucket of many objects: as many
// uploads would take minutes. Nobody is told of them.
func (e *Env) FillBucket(ctx context.Context, bucket string, keys []string, body []byte) error {
	asked, err := json.Marshal(struct {
		Keys []string
		Body []byte
	}{keys, body})
	if err != nil {
		return fmt.Errorf("fill bucket %s: %w", bucket, err)
	}
	if err := e.post(ctx, "/_local/fill/"+url.PathEscape(bucket), asked); err != nil {
		return fmt.Errorf("fill bucket %s: %w", bucket, err)
	}
	return nil
}

// post asks for a route of our own, which is no service's.
func (e *Env) post(ctx context.Context, path string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Endpoint()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer closeQuietly(resp.Body)
	said, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(string(said))
	}
	return err
}
