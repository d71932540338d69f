package batchwrite

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// request is the body of a request after headSpace bytes that a transport may
// overwrite.
type request []byte

// headSpace is the space for the request line and the headers, so that they and
// the body are written at once. A session token has about 1 KB.
const headSpace = 4 << 10

func newRequest(body []byte) request {
	return append(make([]byte, headSpace, headSpace+len(body)), body...)
}

func (r request) body() []byte { return r[headSpace:] }

// response is a response, whose body belongs to the caller.
type response struct {
	status int
	crc    string // header X-Amz-Crc32
	date   string // header Date, of an error response
	body   []byte
}

// transport signs, for the time now, and sends one request and reads the response. Its errors are transient.
type transport interface {
	send(ctx context.Context, creds aws.Credentials, r request, now time.Time) (response, error)
}

// requestTimeout is how long one request may take, from connecting to the end
// of the response.
const requestTimeout = 20 * time.Second
