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

// conn is one connection, with one request under way at most.
type conn struct {
	net.Conn
	r      *bufio.Reader
	signer signer
	limit  time.Duration
	head   []byte
	buf    []byte
	used   time.Time
	heard  bool // something of the answer has come
	ended  bool // no further request may be sent
}

func newConn(raw net.Conn, s signer, limit time.Duration) *conn {
	return &conn{Conn: raw, r: bufio.NewReaderSize(raw, 4<<10), signer: s, limit: limit}
}

// maxAnswer is far above what DynamoDB sends: at most the request's items come back.
const maxAnswer = 32 << 20

// exchange sends a request and reads its answer. After an error the connection
// is of no more use.
func (c *conn) exchange(ctx context.Context, creds aws.Credentials, m message) (answer, error) {
	var err error
	c.heard = false
	if c.head, err = c.signer.appendHead(c.head[:0], creds, m.body(), time.Now()); err != nil {
		return answer{}, fmt.Errorf("sign request: %w", err)
	}
	if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
		return answer{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // a closed connection has ended too
	err = c.write(m)
	var a answer
	if err == nil {
		a, err = c.read()
	}
	if !stop() {
		c.ended = true // the deadline may be set at any moment
	}
	return a, err
}

// write sends head and body in one piece, as every piece is a packet and a TLS record.
func (c *conn) write(m message) error {
	if n := len(c.head); n <= headRoom {
		copy(m[headRoom-n:], c.head)
		_, err := c.Write(m[headRoom-n:])
		return err
	}
	if _, err := c.Write(c.head); err != nil {
		return err
	}
	_, err := c.Write(m.body())
	return err
}

var errAnswer = errors.New("the answer is not HTTP")

// read reads an answer, past those of status 1xx.
func (c *conn) read() (answer, error) {
	for {
		a, size, chunked, err := c.readHead()
		if err != nil {
			return a, fmt.Errorf("read answer: %w", err)
		}
		if a.status < 200 {
			continue
		}
		if a.body, err = c.readBody(size, chunked); err != nil {
			return a, fmt.Errorf("read answer: %w", err)
		}
		return a, nil
	}
}

// readHead reads status and header fields. The size of the body is -1 where
// nothing tells it: it then ends with the connection.
func (c *conn) readHead() (a answer, size int64, chunked bool, err error) {
	line, err := c.line()
	if err != nil {
		return a, 0, false, err
	}
	// HTTP/1.1 200 OK
	const version = "HTTP/1."
	if len(line) < len(version)+5 || string(line[:len(version)]) != version || line[len(version)+1] != ' ' {
		return a, 0, false, fmt.Errorf("%w: it begins with %.40q", errAnswer, line)
	}
	if a.status, err = strconv.Atoi(string(line[len(version)+2 : len(version)+5])); err != nil {
		return a, 0, false, fmt.Errorf("%w: it begins with %.40q", errAnswer, line)
	}
	if line[len(version)] == '0' {
		c.ended = true
	}
	size = -1
	for {
		if line, err = c.line(); err != nil {
			return a, 0, false, err
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return a, 0, false, fmt.Errorf("%w: header field %.40q", errAnswer, line)
		}
		value = bytes.TrimSpace(value)
		switch {
		case equalFold(name, "Content-Length"):
			if size, err = strconv.ParseInt(string(value), 10, 64); err != nil || size < 0 || size > maxAnswer {
				return a, 0, false, fmt.Errorf("%w: its length is %.40q", errAnswer, value)
			}
		case equalFold(name, "Transfer-Encoding"):
			if chunked = equalFold(value, "chunked"); !chunked {
				return a, 0, false, fmt.Errorf("%w: transfer encoding %.40q", errAnswer, value)
			}
		case equalFold(name, "Connection"):
			c.ended = c.ended || equalFold(value, "close")
		case equalFold(name, "X-Amz-Crc32"):
			a.crc = string(value)
		}
	}
	return a, size, chunked, nil
}

func equalFold(b []byte, s string) bool { return len(b) == len(s) && strings.EqualFold(string(b), s) }

// line reads a line of the head, without its end.
func (c *conn) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if len(line) > 0 {
		c.heard = true
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// readBody reads the body. What DynamoDB says most of the time costs no memory.
func (c *conn) readBody(size int64, chunked bool) ([]byte, error) {
	switch {
	case chunked:
		c.ended = true // trailers are not read
		return readAll(httputil.NewChunkedReader(c.r))
	case size < 0:
		c.ended = true
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
	b, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = fmt.Errorf("%w: it has more than %d bytes", errAnswer, maxAnswer)
	}
	return b, err
}
