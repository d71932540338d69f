package shape

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	stdhash "hash"
	"strings"

	"example.com/ingestion/internal/files/record"
)

// null is the value of empty text after a conversion.
var null = []byte("null")

// textOf returns the text of a scalar value.
func (s *Shaper) textOf(raw []byte) []byte {
	if raw[0] != '"' {
		return raw
	}
	text := raw[1 : len(raw)-1]
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	s.decoded = record.AppendUnescaped(s.decoded[:0], text)
	return s.decoded
}

// textOnly changes texts and leaves numbers and booleans as they are.
func textOnly(f func([]byte) []byte) convert {
	return func(s *Shaper, raw, text []byte) ([]byte, error) {
		if raw[0] != '"' {
			return raw, nil
		}
		changed := f(text)
		if bytes.Equal(changed, text) {
			return raw, nil
		}
		return s.retain(func(dst []byte) []byte { return appendString(dst, changed) }), nil
	}
}

var booleans = map[string]bool{
	"true": true, "t": true, "yes": true, "y": true, "1": true, "on": true,
	"false": false, "f": false, "no": false, "n": false, "0": false, "off": false,
}

func boolean(_ *Shaper, _, text []byte) ([]byte, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return null, nil
	}
	v, ok := booleans[string(text)]
	if !ok {
		v, ok = booleans[strings.ToLower(string(text))]
	}
	switch {
	case !ok:
		return nil, errors.New("is no boolean: true, t, yes, y, 1, on, false, f, no, n, 0 and off are, in any case")
	case v:
		return []byte("true"), nil
	}
	return []byte("false"), nil
}

func parseJSON(s *Shaper, raw, text []byte) ([]byte, error) {
	if raw[0] != '"' {
		return raw, nil
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return null, nil
	}
	value, err := s.checker.Compact(text)
	if err != nil {
		return nil, err
	}
	return s.retain(func(dst []byte) []byte { return append(dst, value...) }), nil
}

// hasher is an HMAC-SHA-256 that is used again.
type hasher struct {
	mac stdhash.Hash
	sum []byte
}

func newHasher(key []byte) *hasher { return &hasher{mac: hmac.New(sha256.New, key)} }

func hash(s *Shaper, raw, text []byte) ([]byte, error) {
	if raw[0] == 't' || raw[0] == 'f' {
		return nil, errors.New("is a boolean: its hash would not hide it")
	}
	s.hash.mac.Reset()
	s.hash.mac.Write(text)
	s.hash.sum = s.hash.mac.Sum(s.hash.sum[:0])
	return s.retain(func(dst []byte) []byte {
		dst = append(dst, '"')
		dst = hex.AppendEncode(dst, s.hash.sum)
		return append(dst, '"')
	}), nil
}
