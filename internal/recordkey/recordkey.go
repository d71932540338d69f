// Package recordkey finds the key of a record in its payload, see feed.RecordKey.
package recordkey

import (
	"encoding/json"
	"errors"
	"fmt"

	"example.com/ingestion/feed"
)

// Reasons why a record has no key. They are in the records of quarantine and must not
// change.
var (
	ErrMissing = errors.New("key_missing")
	ErrInvalid = errors.New("key_invalid")
)

// Finder finds the keys of the records of a feed. It is not safe for concurrent use.
type Finder struct {
	key    feed.RecordKey
	prefix []byte
	paths  [][]string
	buf    []byte
}

// New returns the Finder for the key of a feed.
func New(feedName string, key feed.RecordKey) (*Finder, error) {
	f := &Finder{key: key, prefix: []byte(key.Prefix(feedName))}
	for _, field := range key.Fields {
		path, err := feed.SplitPath(field)
		if err != nil {
			return nil, fmt.Errorf("feed %q: key: %w", feedName, err)
		}
		f.paths = append(f.paths, path)
	}
	return f, nil
}

// Optional reports whether a record may be without a key.
func (f *Finder) Optional() bool { return f.key.Optional }

// Find returns the partition key of a record in the index. It is valid until the next
// call. data is a payload that unpack landed: valid JSON without duplicate names. The
// error wraps ErrMissing or ErrInvalid.
func (f *Finder) Find(data []byte) ([]byte, error) {
	f.buf = append(f.buf[:0], f.prefix...)
	for i, path := range f.paths {
		value, err := text(member(data, path))
		if err != nil {
			return nil, fmt.Errorf("%w: field %q", err, f.key.Fields[i])
		}
		f.buf = f.key.AppendValue(f.buf, i, value)
	}
	if len(f.buf) > feed.MaxKeyBytes {
		return nil, fmt.Errorf("%w: the key has %d bytes, the limit of a partition key of DynamoDB is %d: it begins with %.80q", ErrInvalid, len(f.buf), feed.MaxKeyBytes, f.buf)
	}
	return f.buf, nil
}

// Values returns the values of the key's fields as texts, in their order, as
// feed.RecordKey.Partition takes them. The error is that of Find.
func (f *Finder) Values(data []byte) ([]string, error) {
	if _, err := f.Find(data); err != nil {
		return nil, err
	}
	values := make([]string, len(f.paths))
	for i, path := range f.paths {
		value, err := text(member(data, path))
		if err != nil {
			return nil, err
		}
		values[i] = string(value)
	}
	return values, nil
}

// text is the text of a value as it is in a key; raw is nil for a member that is absent.
func text(raw []byte) ([]byte, error) {
	if len(raw) == 0 {
		return nil, fmt.Errorf("%w: absent", ErrMissing)
	}
	switch raw[0] {
	case '"':
		if len(raw) < 2 || raw[len(raw)-1] != '"' {
			return nil, fmt.Errorf("%w: a text without an end", ErrInvalid)
		}
		value := raw[1 : len(raw)-1]
		for _, c := range value {
			if c == '\\' {
				var s string
				if err := json.Unmarshal(raw, &s); err != nil {
					return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
				}
				return []byte(s), nil
			}
		}
		if len(value) == 0 {
			return nil, fmt.Errorf("%w: an empty text", ErrMissing)
		}
		return value, nil
	case 'n':
		return nil, fmt.Errorf("%w: null", ErrMissing)
	case '{':
		return nil, fmt.Errorf("%w: an object", ErrInvalid)
	case '[':
		return nil, fmt.Errorf("%w: an array", ErrInvalid)
	case 't', 'f':
		return raw, nil
	}
	return decimal(raw)
}
