package unpack

import (
	"context"
	"errors"
	"fmt"
	"io"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/files/archive"
	"example.com/ingestion/internal/files/record"
	"example.com/ingestion/internal/store/quarantine"
)

// walk reads the source object again for the records that are wanted of it.
func (r *replayer) walk(ctx context.Context) error {
	source, kept, err := r.source(ctx)
	if errors.Is(err, s3source.ErrNotFound) || errors.Is(err, s3source.ErrArchived) {
		return nil
	}
	if err != nil {
		return err
	}
	v := &rewalk{replayer: r}
	err = archive.Walk(ctx, r.u.Key, source, r.h.Spec.Limits, v)
	switch {
	case err == nil:
		v.ended()
	case errors.Is(err, s3source.ErrNotFound):
		err = v.cut(reasonGone, err.Error())
	case errors.Is(err, s3source.ErrArchived):
		err = v.cut(reasonArchived, err.Error())
	case errors.Is(err, errContinue):
		err = v.cut(reasonTime, "it is more than one replay can do: replay once more")
	}
	if err != nil || kept {
		return err
	}
	return r.h.keepSource(ctx, r.u, source, v.incomplete)
}

// source opens the copy of the source object, or else the object itself.
func (r *replayer) source(ctx context.Context) (source *s3source.Object, kept bool, err error) {
	_, copied, err := quarantine.Groups(ctx, r.h.Replays, r.h.Bucket, r.h.Spec.QuarantinePrefix, r.u.Upload, r.u.Time)
	if err != nil {
		return nil, false, err
	}
	if copied {
		source, err = s3source.Open(ctx, r.h.S3, r.h.Bucket, quarantine.CopyKey(r.h.Spec.QuarantinePrefix, r.u.Upload), "", "")
		return source, true, err
	}
	source, err = r.h.open(ctx, r.u.Upload)
	return source, false, err
}

// rewalk goes through a source object for what is wanted of it. Entries are
// told by their number; one that has another path now is not what it was, and
// what was wanted of it stays where it is: its records would get the IDs of others.
type rewalk struct {
	*replayer
	incomplete bool // quarantine needs the copy
	offered    bool // the entry whose rest is open is there

	// Inside a rest: the place from which on nothing is dealt with yet.
	inRest  bool
	entry   int
	path    string
	ordinal int64
}

// Entry implements archive.Visitor.
func (v *rewalk) Entry(e archive.Entry, in io.Reader) error {
	w, ok := v.find(e)
	if !ok {
		return nil
	}
	s := &resink{v: v, w: w, e: e}
	s.enter(w.rest == 0)
	result, err := record.Split(in, v.h.Spec.Format, v.h.Spec.Limits, s)
	if err != nil {
		return fmt.Errorf("entry %d %q: %w", e.Index, e.Path, err)
	}
	// An entry that is whole after all may have nothing beyond what is landed; one
	// with less than that is another.
	if total := result.Records + result.Rejected; !s.rest && w.rest >= 0 && total >= w.rest {
		s.enter(true)
	}
	v.next(e.Index)
	if v.full() || v.nearDeadline() {
		return errContinue
	}
	return nil
}

// find returns what is wanted of an entry: all of one that comes after the open rest.
func (v *rewalk) find(e archive.Entry) (*wanted, bool) {
	v.offered = v.offered || e.Index == v.open
	if w := v.wanted[e.Index]; w != nil {
		same := w.path == e.Path || e.Index == v.open && (w.rest == 0 || w.path == "")
		return w, same
	}
	if v.open < 0 || e.Index <= v.open || !v.wanted[v.open].restMet {
		return nil, false
	}
	v.entries++
	return &wanted{path: e.Path, rest: 0}, true
}

// at notes how far a rest is dealt with.
func (v *rewalk) at(entry int, path string, ordinal int64) {
	v.inRest, v.entry, v.path, v.ordinal = true, entry, path, ordinal
}

// next notes that an entry is done: beyond it only the open rest goes on.
func (v *rewalk) next(entry int) {
	v.inRest = false
	if v.open >= 0 && entry >= v.open && v.wanted[v.open].restMet {
		v.at(entry+1, "", 0)
	}
}

// cut ends a walk that could not go on: what is left of a rest is one record again.
func (v *rewalk) cut(reason, detail string) error {
	if !v.inRest {
		return nil
	}
	if v.path == "" {
		v.entries++ // the record stands for an entry that was not begun
	}
	return v.rest(v.entry, v.path, record.Rejection{Ordinal: v.ordinal, Offset: -1, Reason: reason, Detail: detail, Rest: true})
}

// ended notes that all of the object was read. What stood for entries beyond its
// last one then stands for nothing.
func (v *rewalk) ended() {
	if v.open >= 0 && !v.offered && v.wanted[v.open].rest == 0 {
		v.wanted[v.open].restMet = true
		v.entries--
	}
}

func (v *rewalk) rest(entry int, path string, j record.Rejection) error {
	v.incomplete = v.incomplete || j.RawCut || j.Rest
	return v.refuse(entry, path, j)
}

// Damaged implements archive.Visitor.
func (v *rewalk) Damaged(d *archive.Damage) error {
	w, ok := v.find(d.Entry)
	if !ok || w.rest != 0 {
		return nil
	}
	w.restMet = true
	v.next(d.Entry.Index)
	return v.rest(d.Entry.Index, d.Entry.Path, record.Rejection{Offset: d.Offset, Reason: string(d.Reason), Detail: d.Error(), Rest: true})
}

// resink takes what is wanted of one entry.
type resink struct {
	v    *rewalk
	w    *wanted
	e    archive.Entry
	rest bool // it is in the part that is wanted whole
}

func (s *resink) enter(now bool) {
	if now {
		s.rest, s.w.restMet = true, true
	}
}

// wants reports whether a record is wanted, and notes that it is there.
func (s *resink) wants(ordinal int64) bool {
	s.enter(s.w.rest >= 0 && ordinal >= s.w.rest)
	if s.rest {
		return true
	}
	_, one := s.w.met[ordinal]
	if one {
		s.w.met[ordinal] = true
	}
	return one
}

// Record implements record.Sink.
func (s *resink) Record(ordinal int64, data []byte) error {
	if s.wants(ordinal) {
		if err := s.v.parts.Record(s.e.Index, s.e.Path, ordinal, data); err != nil {
			return err
		}
	}
	return s.pause(ordinal)
}

// Reject implements record.Sink.
func (s *resink) Reject(j record.Rejection) error {
	if j.Rest && (s.w.rest < 0 || j.Ordinal < s.w.rest) {
		return nil // it would stand for records that are landed
	}
	if s.wants(j.Ordinal) {
		if err := s.v.rest(s.e.Index, s.e.Path, j); err != nil {
			return err
		}
	}
	if j.Rest {
		return nil
	}
	return s.pause(j.Ordinal)
}

func (s *resink) pause(ordinal int64) error {
	if s.rest {
		s.v.at(s.e.Index, s.e.Path, ordinal+1)
	}
	if s.v.full() || ordinal%1024 == 0 && s.v.nearDeadline() {
		return errContinue
	}
	return nil
}
