package shape

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/ingestion/feed"
)

var errNotText = errors.New("is neither a text nor null")

// convert changes one scalar value: raw is the value as JSON, text the decoded text of a
// string, or raw. The result stays valid for the record.
type convert func(s *Shaper, raw, text []byte) ([]byte, error)

func compile(o feed.Operation, c Config, s *Shaper) (step, error) {
	var st step
	for _, field := range o.Fields {
		segments, err := parsePath(field)
		if err != nil {
			return st, err
		}
		st.paths = append(st.paths, segments)
	}
	switch o.Kind {
	case feed.OpRename:
		to, err := parsePath(o.To)
		st.apply = rename(o.To, to)
		return st, err
	case feed.OpKeep:
		st.apply = keep
	case feed.OpDrop:
		st.apply = drop
	case feed.OpConstant, feed.OpDefault:
		value, err := s.checker.Compact(o.Value)
		if err != nil {
			return st, err
		}
		st.apply = setValue(bytes.Clone(value), o.Kind == feed.OpDefault)
	case feed.OpOrigin:
		st.apply = setOrigin(o.Origin)
	case feed.OpKeepWhere, feed.OpDropWhere:
		st.apply = where(o.Values, o.Kind == feed.OpKeepWhere)
	case feed.OpJQ:
		var err error
		st.apply, err = jq(o.Program)
		return st, err
	default:
		f, err := conversion(o, c, s)
		st.apply = each(f)
		return st, err
	}
	return st, nil
}

func conversion(o feed.Operation, c Config, s *Shaper) (convert, error) {
	switch o.Kind {
	case feed.OpNumber:
		return number(o.Decimal, o.Thousands), nil
	case feed.OpBoolean:
		return boolean, nil
	case feed.OpTimestamp:
		return timestamp(o.Layout, o.Zone)
	case feed.OpParseJSON:
		return parseJSON, nil
	case feed.OpTrim:
		return textOnly(bytes.TrimSpace), nil
	case feed.OpUpper:
		return textOnly(bytes.ToUpper), nil
	case feed.OpLower:
		return textOnly(bytes.ToLower), nil
	case feed.OpHash:
		if len(c.HashKey) == 0 {
			return nil, errors.New("the key of hashes is empty: put one into the secret")
		}
		s.hash = newHasher(c.HashKey)
		return hash, nil
	}
	return nil, fmt.Errorf("unknown kind %q", o.Kind)
}

func parsePath(path string) ([]segment, error) {
	keys, err := feed.SplitPath(path)
	if err != nil {
		return nil, err
	}
	segments := make([]segment, len(keys))
	for i, key := range keys {
		encoded := appendString(nil, []byte(key))
		segments[i] = segment{name: []byte(key), encoded: encoded, escaped: bytes.IndexByte(encoded, '\\') >= 0}
	}
	return segments, nil
}

// rename moves a field. Within one object it keeps its position.
func rename(name string, to []segment) func(context.Context, *Shaper, *step) (bool, error) {
	return func(_ context.Context, s *Shaper, st *step) (bool, error) {
		from := st.paths[0]
		o, at := s.find(from)
		if o == nil {
			return true, nil
		}
		if target, i := s.find(to); target != nil {
			if target == o && i == at {
				return true, nil
			}
			return false, &problem{field: st.names[0], value: o.members[at].append(nil), text: fmt.Sprintf("the record has a field %q already", name)}
		}
		last := len(from) - 1
		if len(to) == len(from) && slices.EqualFunc(from[:last], to[:last], func(a, b segment) bool { return bytes.Equal(a.name, b.name) }) {
			o.members[at].key, o.members[at].escaped = to[last].encoded, to[last].escaped
			return true, nil
		}
		m := o.members[at]
		o.remove(at)
		err := s.set(s.root, st.names[0], to, m)
		s.removeEmpty(from[:last])
		return true, err
	}
}

func keep(_ context.Context, s *Shaper, st *step) (bool, error) {
	kept := s.objects.get()
	for i, field := range st.paths {
		if o, at := s.find(field); o != nil {
			if err := s.set(kept, st.names[i], field, o.members[at]); err != nil {
				return false, err
			}
		}
	}
	s.root = kept
	return true, nil
}

func drop(_ context.Context, s *Shaper, st *step) (bool, error) {
	for _, field := range st.paths {
		if o, at := s.find(field); o != nil {
			o.remove(at)
		}
	}
	return true, nil
}

func setValue(value []byte, onlyDefault bool) func(context.Context, *Shaper, *step) (bool, error) {
	return func(_ context.Context, s *Shaper, st *step) (bool, error) {
		if o, at := s.find(st.paths[0]); onlyDefault && o != nil {
			m := o.members[at]
			if m.inner != nil || string(m.value) != "null" && string(m.value) != `""` {
				return true, nil
			}
		}
		return true, s.set(s.root, st.names[0], st.paths[0], member{value: value})
	}
}

func setOrigin(v feed.OriginValue) func(context.Context, *Shaper, *step) (bool, error) {
	return func(_ context.Context, s *Shaper, st *step) (bool, error) {
		value := s.retain(func(dst []byte) []byte { return appendString(dst, []byte(s.originValue(v))) })
		return true, s.set(s.root, st.names[0], st.paths[0], member{value: value})
	}
}

// where keeps, or filters out, records by the scalar value of a field.
func where(values []string, keepsFound bool) func(context.Context, *Shaper, *step) (bool, error) {
	return func(_ context.Context, s *Shaper, st *step) (bool, error) {
		found := false
		if o, at := s.find(st.paths[0]); o != nil {
			if raw, text := s.scalar(&o.members[at]); raw != nil {
				found = slices.ContainsFunc(values, func(v string) bool { return v == string(text) })
			}
		}
		return found == keepsFound, nil
	}
}

// each converts the fields that exist and are not null.
func each(f convert) func(context.Context, *Shaper, *step) (bool, error) {
	return func(_ context.Context, s *Shaper, st *step) (bool, error) {
		for i, field := range st.paths {
			o, at := s.find(field)
			if o == nil {
				continue
			}
			m := &o.members[at]
			raw, text := s.scalar(m)
			if string(raw) == "null" {
				continue
			}
			var value []byte
			err := errNotText
			if raw != nil {
				value, err = f(s, raw, text)
			}
			if err != nil {
				return false, &problem{field: st.names[i], value: m.append(nil), text: err.Error()}
			}
			m.value = value
		}
		return true, nil
	}
}

// scalar returns the value of a member that is neither an object nor an array, as JSON
// and as text: that of a string decoded. The text is valid until the next call.
func (s *Shaper) scalar(m *member) (raw, text []byte) {
	if m.inner != nil || m.value[0] == '{' || m.value[0] == '[' {
		return nil, nil
	}
	return m.value, s.textOf(m.value)
}

// retain returns what f appends, in memory that is valid for the record.
func (s *Shaper) retain(f func(dst []byte) []byte) []byte {
	from := len(s.text)
	s.text = f(s.text)
	return s.text[from:len(s.text):len(s.text)]
}
