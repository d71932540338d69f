package batchwrite

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// connection is an HTTP/1.1 connection with at most one request in flight.
type connection struct {
	net.Conn
	r         *bufio.Reader
	signer    signer
	timeout   time.Duration
	head      []byte
	buf       []byte
	usedAt    time.Time
	responded bool // a part of the response to the last request was received
	closing   bool // no further request may be sent
}

func newConnection(raw net.Conn, s signer, timeout time.Duration) *connection {
	return &connection{Conn: raw, r: bufio.NewReaderSize(raw, 4<<10), signer: s, timeout: timeout}
}

// maxResponse bounds the body of a response, in bytes. The largest that DynamoDB
// sends contains all items of a request, which has at most 16 MB.
const maxResponse = 32 << 20

// exchange sends a request and reads its response. After an error the
// connection must be closed.
func (c *connection) exchange(ctx context.Context, creds aws.Credentials, r request, now time.Time) (response, error) {
	var err error
	c.responded = false
	if c.head, err = c.signer.appendHead(c.head[:0], creds, r.body(), now); err != nil {
		return response{}, fmt.Errorf("sign request: %w", err)
	}
	if err := c.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return response{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // fails on a closed connection only
	err = c.write(r)
	var resp response
	if err == nil {
		resp, err = c.read()
	}
	if !stop() {
		c.closing = true // the function may still set the deadline
	}
	return resp, err
}

// write sends head and body in one write, because each write is a packet and a TLS record.
func (c *connection) write(r request) error {
	if n := len(c.head); n <= headSpace {
		copy(r[headSpace-n:], c.head)
		_, err := c.Write(r[headSpace-n:])
		return err
	}
	if _, err := c.Write(c.head); err != nil {
		return err
	}
	_, err := c.Write(r.body())
	return err
}

var errNotHTTP = errors.New("the response is not valid HTTP")

// read reads a response and skips informational ones (status 1xx).
func (c *connection) read() (response, error) {
	for {
		resp, size, chunked, err := c.readHead()
		if err != nil {
			return resp, fmt.Errorf("read response: %w", err)
		}
		if resp.status < 200 {
			continue
		}
		if resp.body, err = c.readBody(size, chunked); err != nil {
			return resp, fmt.Errorf("read response: %w", err)
		}
		return resp, nil
	}
}

// readHead reads the status and the headers. The size of the body is -1 where
// no header contains it: the body then ends with the connection.
func (c *connection) readHead() (resp response, size int64, chunked bool, err error) {
	line, err := c.line()
	if err != nil {
		return resp, 0, false, err
	}
	// HTTP/1.1 200 OK
	const version = "HTTP/1."
	if len(line) < len(version)+5 || string(line[:len(version)]) != version || line[len(version)+1] != ' ' {
		return resp, 0, false, fmt.Errorf("%w: it begins with %.40q", errNotHTTP, line)
	}
	if resp.status, err = strconv.Atoi(string(line[len(version)+2 : len(version)+5])); err != nil {
		return resp, 0, false, fmt.Errorf("%w: it begins with %.40q", errNotHTTP, line)
	}
	if line[len(version)] == '0' {
		c.closing = true
	}
	size = -1
	for {
		if line, err = c.line(); err != nil {
			return resp, 0, false, err
		}
		if len(line) == 0 {
			return resp, size, chunked, nil
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return resp, 0, false, fmt.Errorf("%w: header %.40q", errNotHTTP, line)
		}
		value = bytes.TrimSpace(value)
		switch {
		case equalFold(name, "Content-Length"):
			if size, err = strconv.ParseInt(string(value), 10, 64); err != nil || size < 0 || size > maxResponse {
				return resp, 0, false, fmt.Errorf("%w: content length %.40q", errNotHTTP, value)
			}
		case equalFold(name, "Transfer-Encoding"):
			if chunked = equalFold(value, "chunked"); !chunked {
				return resp, 0, false, fmt.Errorf("%w: transfer encoding %.40q", errNotHTTP, value)
			}
		case equalFold(name, "Connection"):
			c.closing = c.closing || equalFold(value, "close")
		case equalFold(name, "X-Amz-Crc32"):
			resp.crc = string(value)
		case resp.status >= 400 && equalFold(name, "Date"):
			resp.date = string(value)
		}
	}
}

func equalFold(b []byte, s string) bool { return len(b) == len(s) && strings.EqualFold(string(b), s) }

// line reads a line of the head, without its line break.
func (c *connection) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if len(line) > 0 {
		c.responded = true
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// readBody reads the body. The usual one allocates nothing.
func (c *connection) readBody(size int64, chunked bool) ([]byte, error) {
	switch {
	case chunked:
		c.closing = true // trailers are not read
		return readAll(httputil.NewChunkedReader(c.r))
	case size < 0:
		c.closing = true
		return readAll(c.r)
	}
	if int64(cap(c.buf)) < size {
		c.buf = make([]byte, size)
	}
	body := c.buf[:size]
	if _, err := io.ReadFull(c.r, body); err != nil {
		return nil, err
	}
	if bytes.Equal(body, allProcessed) {
		return allProcessed, nil
	}
	c.buf = nil
	return body, nil
}

func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxResponse+1))
	if err == nil && len(b) > maxResponse {
		err = fmt.Errorf("%w: its body has more than %d bytes", errNotHTTP, maxResponse)
	}
	return b, err
}
