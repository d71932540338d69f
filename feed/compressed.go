package feed

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// compressedPrefix begins the value of EnvSpec that is no JSON: DEFLATE, in base64.
const compressedPrefix = "deflate:"

// maxDecompressed bounds what the compressed form may become, in bytes.
const maxDecompressed = 1 << 20

func compress(b []byte) (string, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return "", fmt.Errorf("compress: %w", err)
	}
	if _, err := w.Write(b); err != nil {
		return "", fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("compress: %w", err)
	}
	return compressedPrefix + base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

func decompress(value string) ([]byte, error) {
	text, compressed := strings.CutPrefix(value, compressedPrefix)
	if !compressed {
		return []byte(value), nil
	}
	r := flate.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
	b, err := io.ReadAll(io.LimitReader(r, maxDecompressed))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return b, nil
}
