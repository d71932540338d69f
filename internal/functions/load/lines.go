package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
)

// eachLine calls yield for each line of a part, without its line break. The line
// is valid only during the call.
func (h *Handler) eachLine(ctx context.Context, key string, yield func([]byte) error) error {
	out, err := h.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &h.Bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", h.Bucket, key, err)
	}
	defer func() { _ = out.Body.Close() }() // an error came with a read
	if err := eachLine(out.Body, yield); err != nil {
		return fmt.Errorf("s3://%s/%s: %w", h.Bucket, key, err)
	}
	return nil
}

func eachLine(compressed io.Reader, yield func([]byte) error) error {
	gz, err := gzip.NewReader(compressed)
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(gz, 256<<10)
	var long []byte
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, line...)
			continue
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := yield(bytes.TrimSuffix(line, []byte{'\n'})); err != nil {
			return err
		}
		long = long[:0]
	}
}
