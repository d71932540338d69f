package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// digest identifies a set of payloads, in any order, by their number and the sum
// of their hashes. Payloads are compared as values: the order of an object's
// members, white space, the escapes of a string and the notation of a number do
// not matter. 1, 1.0 and 10e-1 are equal; the number 1 and the string "1" are not.
type digest struct {
	Records int64
	Sum     [4]uint64
}

func (d *digest) add(h [sha256.Size]byte) {
	d.Records++
	for i := range d.Sum {
		d.Sum[i] += binary.LittleEndian.Uint64(h[8*i:])
	}
}

func (d *digest) merge(o digest) {
	d.Records += o.Records
	for i := range d.Sum {
		d.Sum[i] += o.Sum[i]
	}
}

// digestLines digests NDJSON, on all processors; payload selects the payload of a line.
func digestLines(lines []byte, payload func(any) (any, error)) (digest, error) {
	var group errgroup.Group
	n := runtime.GOMAXPROCS(0)
	parts := make([]digest, n)
	for i := range n {
		cut := len(lines)
		if i < n-1 {
			cut /= n - i
			cut += bytes.IndexByte(lines[cut:], '\n') + 1
		}
		share := lines[:cut]
		lines = lines[cut:]
		group.Go(func() error {
			for line := range bytes.Lines(share) {
				v, err := decode(line)
				if err != nil {
					return err
				}
				if v, err = payload(v); err != nil {
					return err
				}
				parts[i].add(sha256.Sum256(canonical(nil, v)))
			}
			return nil
		})
	}
	err := group.Wait()
	var d digest
	for _, p := range parts {
		d.merge(p)
	}
	return d, err
}

func whole(v any) (any, error) { return v, nil }

// member returns the payload of a line of a part, or of an item.
func member(v any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok || m["data"] == nil {
		return nil, errors.New(`not an object with a member "data"`)
	}
	return m["data"], nil
}

// withoutKeys returns the payload of an item whose attributes are the payload's.
func withoutKeys(v any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	m = maps.Clone(m)
	delete(m, "pk")
	delete(m, "sk")
	return m, nil
}

func decode(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// digestItems digests the payloads of the items of BatchWriteItem requests. Of
// several items with one key, the last one counts.
func digestItems(bodies [][]byte, payload func(any) (any, error)) (digest, error) {
	type written struct {
		key  string
		hash [sha256.Size]byte
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	batches := make([][]written, len(bodies))
	const step = 256
	for from := 0; from < len(bodies); from += step {
		group.Go(func() error {
			for i := from; i < min(from+step, len(bodies)); i++ {
				var request struct {
					RequestItems map[string][]struct {
						PutRequest struct{ Item map[string]any }
					}
				}
				d := json.NewDecoder(bytes.NewReader(bodies[i]))
				d.UseNumber()
				if err := d.Decode(&request); err != nil {
					return fmt.Errorf("BatchWriteItem request: %w", err)
				}
				for _, puts := range request.RequestItems {
					if len(puts) > 25 {
						return fmt.Errorf("BatchWriteItem request of %d items", len(puts))
					}
					for _, p := range puts {
						item := map[string]any{}
						for name, v := range p.PutRequest.Item {
							var err error
							if item[name], err = jsonValue(v); err != nil {
								return fmt.Errorf("attribute %q: %w", name, err)
							}
						}
						key := fmt.Sprint(item["pk"], "\x00", item["sk"])
						v, err := payload(item)
						if err != nil {
							return fmt.Errorf("item %q: %w", key, err)
						}
						batches[i] = append(batches[i], written{key, sha256.Sum256(canonical(nil, v))})
					}
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return digest{}, err
	}
	last := map[string][sha256.Size]byte{}
	for _, b := range batches {
		for _, w := range b {
			last[w.key] = w.hash
		}
	}
	var d digest
	for _, h := range last {
		d.add(h)
	}
	return d, nil
}

// jsonValue converts an attribute value to a JSON value.
func jsonValue(v any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return nil, fmt.Errorf("%v is not an attribute value", v)
	}
	for kind, v := range m {
		switch kind {
		case "S", "BOOL":
			return v, nil
		case "N":
			s, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("number %v is not a string", v)
			}
			return json.Number(s), nil
		case "NULL":
			return nil, nil
		case "L":
			list, _ := v.([]any)
			out := make([]any, len(list))
			for i, e := range list {
				var err error
				if out[i], err = jsonValue(e); err != nil {
					return nil, err
				}
			}
			return out, nil
		case "M":
			members, _ := v.(map[string]any)
			out := make(map[string]any, len(members))
			for name, e := range members {
				var err error
				if out[name], err = jsonValue(e); err != nil {
					return nil, err
				}
			}
			return out, nil
		}
	}
	return nil, fmt.Errorf("%v: no implementation should write attributes of this type", m)
}

// canonical appends a form that is the same for all equal values.
func canonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return strconv.AppendQuote(b, v)
	case json.Number:
		return number(b, string(v))
	case []any:
		b = append(b, '[')
		for _, e := range v {
			b = append(canonical(b, e), ',')
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b = append(strconv.AppendQuote(b, name), ':')
			b = append(canonical(b, v[name]), ',')
		}
		return append(b, '}')
	}
	panic(fmt.Sprintf("decode never returns a %T", v))
}

// number appends a number as sign, digits without leading and trailing zeros, and exponent.
func number(b []byte, s string) []byte {
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	exponent := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent, _ = strconv.Atoi(strings.TrimPrefix(s[i+1:], "+")) // the decoder has checked the syntax
		s = s[:i]
	}
	integer, fraction, _ := strings.Cut(s, ".")
	exponent -= len(fraction)
	digits := strings.TrimLeft(integer+fraction, "0")
	short := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(short)
	if short == "" {
		return append(b, '0')
	}
	if negative {
		b = append(b, '-')
	}
	b = append(append(b, short...), 'e')
	return strconv.AppendInt(b, int64(exponent), 10)
}

// landedLines returns the lines of all parts, decompressed.
func (b *bench) landedLines() ([]byte, error) {
	var out bytes.Buffer
	for _, key := range b.s3.Keys(landingBucket, "landing/") {
		part, _ := b.s3.Get(landingBucket, key)
		gz, err := gzip.NewReader(bytes.NewReader(part))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if _, err := io.Copy(&out, gz); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	return out.Bytes(), nil
}
