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

// reread reads the source object again for the wanted records.
func (r *batchReplay) reread(ctx context.Context) error {
	source, kept, err := r.source(ctx)
	if errors.Is(err, s3source.ErrNotFound) || errors.Is(err, s3source.ErrArchived) {
		return nil
	}
	if err != nil {
		return err
	}
	v := &rereader{batchReplay: r}
	err = archive.Walk(ctx, r.u.Key, source, r.h.Spec.Limits, v)
	switch {
	case err == nil:
		v.ended()
	case errors.Is(err, s3source.ErrNotFound):
		err = v.cut(reasonDeleted, err.Error())
	case errors.Is(err, s3source.ErrArchived):
		err = v.cut(reasonArchived, err.Error())
	case errors.Is(err, errContinue):
		err = v.cut(reasonTime, "more than one replay can process: replay again")
	}
	if err != nil || kept {
		return err
	}
	return r.h.keepSource(ctx, r.u, source, v.incomplete)
}

// source opens the copy of the source object or, without one, the object itself.
func (r *batchReplay) source(ctx context.Context) (source *s3source.Object, kept bool, err error) {
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

// rereader reads the wanted records of a source object. Entries are identified by
// their number. An entry with another path than before has changed: its records would
// get the IDs of other records, so what was wanted of it stays in quarantine.
type rereader struct {
	*batchReplay
	incomplete bool // quarantine needs the copy
	reached    bool // the open entry exists

	// In a remainder: the position up to which it is processed.
	inRest  bool
	entry   int
	path    string
	ordinal int64
}

// Entry implements archive.Visitor.
func (v *rereader) Entry(e archive.Entry, in io.Reader) error {
	w, ok := v.find(e)
	if !ok {
		return nil
	}
	v.shaper.startEntry(e.Path)
	s := &sink{v: v, w: w, e: e}
	s.enter(w.rest == 0)
	result, err := record.Split(in, v.h.Spec.Format, v.h.Spec.Limits, s)
	if err != nil {
		return fmt.Errorf("entry %d %q: %w", e.Index, e.Path, err)
	}
	// An entry that turns out complete may have no more records than were landed; one
	// with fewer records has changed.
	if total := result.Records + result.Rejected; !s.rest && w.rest >= 0 && total >= w.rest {
		s.enter(true)
	}
	v.next(e.Index)
	if v.full() || v.nearDeadline() {
		return errContinue
	}
	return nil
}

// find returns what is wanted of an entry: everything of an entry after the open one.
func (v *rereader) find(e archive.Entry) (*wanted, bool) {
	v.reached = v.reached || e.Index == v.open
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

// at sets the position up to which a remainder is processed.
func (v *rereader) at(entry int, path string, ordinal int64) {
	v.inRest, v.entry, v.path, v.ordinal = true, entry, path, ordinal
}

// next ends an entry: after it only an open remainder continues.
func (v *rereader) next(entry int) {
	v.inRest = false
	if v.open >= 0 && entry >= v.open && v.wanted[v.open].restMet {
		v.at(entry+1, "", 0)
	}
}

// cut ends an incomplete reading: what is left of a remainder is one record again.
func (v *rereader) cut(reason, detail string) error {
	if !v.inRest {
		return nil
	}
	if v.path == "" {
		v.entries++ // the record stands for an entry that was not started
	}
	return v.rest(v.entry, v.path, record.Rejection{Ordinal: v.ordinal, Offset: -1, Reason: reason, Detail: detail, Rest: true})
}

// ended ends a complete reading. A record that stood for entries after the last one
// then stands for none.
func (v *rereader) ended() {
	if v.open >= 0 && !v.reached && v.wanted[v.open].rest == 0 {
		v.wanted[v.open].restMet = true
		v.entries--
	}
}

func (v *rereader) rest(entry int, path string, j record.Rejection) error {
	v.incomplete = v.incomplete || j.RawCut || j.Rest
	return v.rejectRead(entry, path, j)
}

// Damaged implements archive.Visitor.
func (v *rereader) Damaged(d *archive.Damage) error {
	w, ok := v.find(d.Entry)
	if !ok || w.rest != 0 {
		return nil
	}
	w.restMet = true
	v.next(d.Entry.Index)
	return v.rest(d.Entry.Index, d.Entry.Path, record.Rejection{Offset: d.Offset, Reason: string(d.Reason), Detail: d.Error(), Rest: true})
}

// sink takes the wanted records of one entry.
type sink struct {
	v    *rereader
	w    *wanted
	e    archive.Entry
	rest bool // in the remainder, of which everything is wanted
}

func (s *sink) enter(now bool) {
	if now {
		s.rest, s.w.restMet = true, true
	}
}

// wants reports whether a record is wanted, and marks it as found.
func (s *sink) wants(ordinal int64) bool {
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
func (s *sink) Record(ordinal int64, data []byte) error {
	if limit := s.v.h.Spec.Limits.Records(s.v.u.Size); ordinal >= limit {
		return record.LimitRecords(limit)
	}
	if s.wants(ordinal) {
		if err := s.v.land(s.e.Index, s.e.Path, ordinal, data); err != nil {
			return err
		}
	}
	return s.checkpoint(ordinal)
}

// Reject implements record.Sink.
func (s *sink) Reject(j record.Rejection) error {
	if j.Rest && (s.w.rest < 0 || j.Ordinal < s.w.rest) {
		return nil // it would stand for landed records
	}
	if s.wants(j.Ordinal) {
		if err := s.v.rest(s.e.Index, s.e.Path, j); err != nil {
			return err
		}
	}
	if j.Rest {
		return nil
	}
	return s.checkpoint(j.Ordinal)
}

func (s *sink) checkpoint(ordinal int64) error {
	if s.rest {
		s.v.at(s.e.Index, s.e.Path, ordinal+1)
	}
	if s.v.full() || ordinal%1024 == 0 && s.v.nearDeadline() {
		return errContinue
	}
	return nil
}
