package unpack

import (
	"errors"
	"fmt"
	"io"

	"ingestion/internal/archive"
	"ingestion/internal/landing"
	"ingestion/internal/quarantine"
	"ingestion/internal/record"
	"ingestion/internal/s3io"
	"ingestion/internal/upload"
)

// Reasons of this package, besides those of archive and record.
const reasonGone = "source_gone"

// visitor takes an upload's entries and their records to parts and quarantine.
type visitor struct {
	h          *Handler
	u          upload.Upload
	writer     *landing.Writer
	quarantine *quarantine.Writer

	entry   archive.Entry // the open entry
	entries int64
	records int64 // good and bad
	bytes   int64
	first   string // the first problem, in words
	// keepSource says that quarantine does not hold whole what was refused.
	keepSource bool
}

// Entry implements archive.Visitor.
func (v *visitor) Entry(e archive.Entry, r io.Reader) error {
	v.entry = e
	v.entries++
	if err := v.writer.StartEntry(e.Index, e.Path); err != nil {
		return err
	}
	result, err := record.Split(goneReader{r}, v.h.Spec.Format, v.h.Spec.Limits, v)
	v.records += result.Records + result.Rejected
	v.bytes += result.Bytes
	if err != nil {
		return fmt.Errorf("entry %d %q: %w", e.Index, e.Path, err)
	}
	return v.writer.EndEntry()
}

// Record implements record.Sink.
func (v *visitor) Record(ordinal int64, data []byte) error { return v.writer.Record(ordinal, data) }

// Reject implements record.Sink.
func (v *visitor) Reject(r record.Rejection) error {
	q := quarantine.Record{
		Entry: v.entry.Path, Ordinal: r.Ordinal, Offset: r.Offset, Reason: r.Reason, Detail: r.Detail, Rest: r.Rest,
	}
	q.SetRaw(r.Raw)
	where := fmt.Sprintf("record %d", r.Ordinal)
	if v.entry.Path != "" {
		where = fmt.Sprintf("entry %q, record %d", v.entry.Path, r.Ordinal)
	}
	return v.add(v.entry.Index, where, q, r.RawCut || r.Rest)
}

// Damaged implements archive.Visitor: what never became an entry counts as one record.
func (v *visitor) Damaged(d *archive.Damage) error {
	v.entries++
	v.records++
	return v.add(d.Entry.Index, "not readable", quarantine.Record{
		Entry: d.Entry.Path, Offset: d.Offset, Reason: string(d.Reason), Detail: d.Error(), Rest: true,
	}, true)
}

// gone ends an upload whose object was overwritten or deleted between two reads.
func (v *visitor) gone(cause error) error {
	return v.Damaged(&archive.Damage{Reason: reasonGone, Entry: archive.Entry{Index: int(v.entries)}, Err: cause})
}

func (v *visitor) add(entry int, where string, q quarantine.Record, incomplete bool) error {
	q.ID = upload.RecordID(v.u.ID, entry, q.Ordinal)
	q.Feed, q.Source, q.Version, q.Stage = v.u.Feed, v.u.Source(), v.u.Version(), Stage
	if incomplete {
		v.keepSource = true
		q.Copy = quarantine.CopyKey(v.h.Spec.QuarantinePrefix, v.u)
	}
	if v.first == "" {
		v.first = fmt.Sprintf("%s: %s: %s", where, q.Reason, q.Detail)
	}
	return v.quarantine.Add(q)
}

// message says what is worth knowing of the whole upload.
func (v *visitor) message(size int64) string {
	switch {
	case v.first != "":
		return v.first
	case size == 0:
		return "the object is empty: it has 0 bytes and no records"
	case v.records == 0:
		return "the object has no records"
	}
	return ""
}

// goneReader makes of an object that vanishes while it is read a damage of its
// entry: what was read stays, the rest is quarantined with the reason.
type goneReader struct{ r io.Reader }

func (g goneReader) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if err != nil && errors.Is(err, s3io.ErrGone) {
		err = &archive.Damage{Reason: reasonGone, Err: err}
	}
	return n, err
}
