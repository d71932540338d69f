package s3source

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/internal/retry"
)

// ReadAt implements io.ReaderAt by one ranged request.
func (o *Object) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= o.size {
		return 0, io.EOF
	}
	to := min(off+int64(len(p)), o.size)
	r := &stream{object: o, ctx: o.ctx, at: off, end: to}
	defer func() { _ = r.Close() }() // after the read nothing depends on it
	n, err := io.ReadFull(r, p[:to-off])
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Open streams the object from its first byte. After a broken connection the
// stream resumes at the next byte, see retry.Connection. At its end the stream is
// compared with the checksum of the whole object, if S3 has one, also after resumptions:
// the error wraps ErrChecksum, and precedes the last byte. Reads by ReadAt are not
// compared with a checksum, because S3 has none of ranges.
func (o *Object) Open(ctx context.Context) (io.ReadCloser, error) {
	r := &stream{object: o, ctx: ctx, end: o.size}
	if o.checksum.algorithm != "" {
		r.hash = o.checksum.new()
	}
	return r, nil
}

// get requests the bytes from (inclusive) to (exclusive).
func (o *Object) get(ctx context.Context, from, to int64) (io.ReadCloser, error) {
	in := &s3.GetObjectInput{
		Bucket: &o.name, Key: &o.key, VersionId: o.version(), IfMatch: optional(o.etag), RequestPayer: o.payer(),
	}
	if from > 0 || to < o.size {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", from, to-1))
	}
	// The SDK compares checksums only where a body is read to its end without resumption.
	out, err := o.bucket.API.GetObject(ctx, in, func(opts *s3.Options) {
		opts.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	if err != nil {
		return nil, o.wrap("read", err)
	}
	return out.Body, nil
}

// stream reads a range of an object.
type stream struct {
	object  *Object
	ctx     context.Context
	body    io.ReadCloser // nil before the first read and after a break
	at, end int64
	backoff *retry.Backoff // nil before the first break
	hash    hash.Hash      // of the bytes before at; nil if they are not verified
}

func (r *stream) Read(p []byte) (int, error) {
	for {
		if r.at >= r.end {
			return 0, io.EOF
		}
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		if r.body == nil {
			body, err := r.object.get(r.ctx, r.at, r.end)
			if err != nil {
				return 0, err
			}
			r.body = body
		}
		n, err := r.body.Read(p)
		r.at += int64(n)
		if n > 0 {
			if r.hash != nil {
				_, _ = r.hash.Write(p[:n]) // a hash never fails
			}
			if r.at == r.end {
				if err := r.object.checksum.verify(r.object, r.hash); err != nil {
					return 0, err
				}
			}
			if r.backoff != nil {
				r.backoff.Reset()
			}
			return n, nil
		}
		if err == nil {
			continue
		}
		// The body ended before the last byte, with an error or with io.EOF: only
		// the number of bytes distinguishes a whole object from a truncated one.
		_ = r.body.Close()
		r.body = nil
		if err := r.wait(err); err != nil {
			return 0, err
		}
	}
}

// wait backs off after a break.
func (r *stream) wait(cause error) error {
	if r.backoff == nil {
		r.backoff = retry.Connection.Start()
	}
	err := r.backoff.Wait(r.ctx)
	if errors.Is(err, retry.ErrExhausted) {
		return fmt.Errorf("%s: the connection broke %d times at byte %d of %d: %w", r.object.uri(), r.backoff.Attempts(), r.at, r.end, noEOF(cause))
	}
	return err
}

// noEOF keeps a broken connection from looking like the end of the data.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("connection closed")
	}
	return err
}

func (r *stream) Close() error {
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	return err
}

// section is a range of an object that can be read again, as the SDK does to
// compute a checksum and to retry a request.
type section struct {
	stream
	from int64
}

func (o *Object) section(ctx context.Context, from, to int64) *section {
	return &section{stream: stream{object: o, ctx: ctx, at: from, end: to}, from: from}
}

// Seek implements io.Seeker.
func (r *section) Seek(offset int64, whence int) (int64, error) {
	base := r.from
	switch whence {
	case io.SeekCurrent:
		base = r.at
	case io.SeekEnd:
		base = r.end
	}
	to := base + offset
	if to < r.from || to > r.end {
		return 0, fmt.Errorf("seek to byte %d of a range of %d to %d", to, r.from, r.end)
	}
	if to != r.at {
		_ = r.Close() // the body is not read to its end
		r.at, r.backoff = to, nil
	}
	return to - r.from, nil
}
