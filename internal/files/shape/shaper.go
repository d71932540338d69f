package shape

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"
	"unicode/utf8"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/record"
)

// Reason is the reason of quarantined records that a shape cannot be applied to. It is
// stored in quarantine and must not change.
const Reason = "shape"

// Config is the configuration of a Shaper.
type Config struct {
	// HashKey is the text of the secret feed.Shape.HashSecret. It is required for shapes
	// with feed.OpHash.
	HashKey []byte
	// MaxBytes is the greatest size of a shaped record; 0 means feed.DefaultMaxRecordBytes.
	MaxBytes int
}

// Origin is where the records of an entry come from.
type Origin struct {
	Source   string // s3://<bucket>/<key>
	Key      string
	Entry    string
	Modified time.Time
	Upload   string
}

// Failure is an operation that cannot be applied to a record.
type Failure struct {
	Number    int // of the operation, from 1
	Operation feed.OperationKind
	Field     string // empty where the operation has none
	Value     string // as JSON, at most maxFailureValue bytes
	Problem   string
}

// maxFailureValue is the greatest number of bytes of a value in a Failure.
const maxFailureValue = 200

// Error implements error.
func (f *Failure) Error() string {
	text := fmt.Sprintf("operation %d (%s)", f.Number, f.Operation)
	if f.Field != "" {
		text += fmt.Sprintf(" of field %q", f.Field)
	}
	if f.Value != "" {
		text += ": " + f.Value
	}
	return text + ": " + f.Problem
}

// Shaper applies one shape. Create one with New.
type Shaper struct {
	max     int
	steps   []step
	origin  Origin
	root    *object
	objects objects
	// text has the values that operations make of the current record.
	text    []byte
	decoded []byte
	out     []byte
	checker *record.Checker
	hash    *hasher
}

// step is a compiled operation.
type step struct {
	number int
	kind   feed.OperationKind
	paths  [][]segment
	names  []string // of the paths
	// apply returns false if the record is filtered out.
	apply func(ctx context.Context, s *Shaper, st *step) (bool, error)
}

// problem is an error of an operation about one value.
type problem struct {
	field string
	value []byte
	text  string
}

func (p *problem) Error() string { return p.text }

// New compiles a shape. Its errors name the operation. The shape must be valid, see
// feed.Shape.Validate.
func New(shape feed.Shape, c Config) (*Shaper, error) {
	s := &Shaper{max: c.MaxBytes, checker: record.NewChecker()}
	if s.max == 0 {
		s.max = feed.DefaultMaxRecordBytes
	}
	for i, o := range shape.Operations {
		st, err := compile(o, c, s)
		if err != nil {
			return nil, fmt.Errorf("operation %d (%s): %w", i+1, o.Kind, err)
		}
		st.number, st.kind, st.names = i+1, o.Kind, o.Fields
		s.steps = append(s.steps, st)
	}
	return s, nil
}

// StartEntry sets the origin of the records that follow.
func (s *Shaper) StartEntry(o Origin) { s.origin = o }

// Shape returns the shaped record, which is valid until the next call, and whether it is
// kept: false means that it is filtered out. data is a record as record.Sink receives it.
// An error is a *Failure, or that of ctx.
func (s *Shaper) Shape(ctx context.Context, data []byte) ([]byte, bool, error) {
	if len(s.steps) == 0 {
		return data, true, nil
	}
	s.text = s.text[:0]
	if err := s.load(data); err != nil {
		return nil, false, s.failure(&s.steps[0], data, err)
	}
	for i := range s.steps {
		st := &s.steps[i]
		keep, err := st.apply(ctx, s, st)
		if errors.Is(err, errEnded) {
			return nil, false, err
		}
		if err != nil || !keep {
			return nil, false, s.failure(st, data, err)
		}
	}
	s.out = s.root.append(s.out[:0])
	if len(s.out) > s.max {
		err := &problem{text: fmt.Sprintf("the shaped record has %d bytes, the limit is %d (Limits.MaxRecordBytes)", len(s.out), s.max)}
		return nil, false, s.failure(&s.steps[len(s.steps)-1], nil, err)
	}
	return s.out, true, nil
}

// load makes data, which must be an object, the current record.
func (s *Shaper) load(data []byte) error {
	if len(data) == 0 || data[0] != '{' {
		return &problem{text: "the record is no object", value: data}
	}
	s.objects.reset()
	s.root = s.objects.get()
	s.root.parse(data)
	return nil
}

// failure returns err, which may be nil, as a *Failure.
func (s *Shaper) failure(st *step, data []byte, err error) error {
	if err == nil {
		return nil
	}
	f := &Failure{Number: st.number, Operation: st.kind, Problem: err.Error()}
	if p := (*problem)(nil); errors.As(err, &p) {
		f.Field, f.Value = p.field, cut(p.value)
	} else {
		f.Value = cut(data)
	}
	return f
}

// cut returns the first maxFailureValue bytes of b at most, whole characters.
func cut(b []byte) string {
	if len(b) <= maxFailureValue {
		return string(b)
	}
	n := maxFailureValue
	for !utf8.RuneStart(b[n]) {
		n--
	}
	return string(b[:n]) + "…"
}

// find returns the object that contains the field, and its index; nil if the field does
// not exist.
func (s *Shaper) find(field []segment) (*object, int) {
	o := s.root
	for i := range field {
		at := o.find(&field[i])
		if at < 0 {
			return nil, 0
		}
		if i == len(field)-1 {
			return o, at
		}
		if o = o.members[at].open(&s.objects); o == nil {
			return nil, 0
		}
	}
	return nil, 0
}

// removeEmpty removes the object that a field was moved out of if nothing is left in it, and
// then the object around it.
func (s *Shaper) removeEmpty(path []segment) {
	for ; len(path) > 0; path = path[:len(path)-1] {
		o, at := s.find(path)
		if o == nil || o.members[at].inner == nil || len(o.members[at].inner.members) > 0 {
			return
		}
		o.remove(at)
	}
}

// set sets a field of root, and creates the objects around it.
func (s *Shaper) set(root *object, name string, field []segment, value member) error {
	o := root
	for i := range field {
		at := o.find(&field[i])
		last := i == len(field)-1
		if at < 0 {
			added := member{key: field[i].encoded, escaped: field[i].escaped}
			if !last {
				added.inner = s.objects.get()
			}
			o.members = append(o.members, added)
			at = len(o.members) - 1
			field[i].last = at
		}
		m := &o.members[at]
		if last {
			m.value, m.inner = value.value, value.inner
			return nil
		}
		if o = m.open(&s.objects); o == nil {
			return &problem{field: name, value: m.value, text: fmt.Sprintf("%q is not an object, so it cannot contain fields", field[i].name)}
		}
	}
	return nil
}

// originValue returns an origin value of the current entry.
func (s *Shaper) originValue(v feed.OriginValue) string {
	switch v {
	case feed.OriginSource:
		return s.origin.Source
	case feed.OriginFile:
		return path.Base(s.origin.Key)
	case feed.OriginEntry:
		return s.origin.Entry
	case feed.OriginModified:
		return s.origin.Modified.UTC().Format(time.RFC3339)
	case feed.OriginUpload:
		return s.origin.Upload
	}
	return ""
}
