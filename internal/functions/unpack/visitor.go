package unpack

import (
	"errors"
	"fmt"
	"io"
	"maps"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/archive"
	"example.com/ingestion/internal/files/record"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// Reasons of this package, besides those of archive and record.
const (
	reasonDeleted  = "source_deleted"
	reasonArchived = "source_archived"
	reasonTime     = "limit_time"
	reasonStream   = "limit_stream"
)

// errContinue ends the walk of an archive that is continued in the next invocation.
var errContinue = errors.New("the deadline is near")

// recordWriter writes records to parts: a landing.Writer, or a landing.SharedWriter.
type recordWriter interface {
	StartEntry(entry int, path string) error
	Record(ordinal int64, data []byte) error
	Skipped(bytes int64) error
	NextPart() (number int, empty bool)
}

// visitor writes the records of an upload's entries to parts and to quarantine. What
// is before the checkpoint it reads again and skips.
type visitor struct {
	h            *Handler
	u            ids.Upload
	spec         feed.Spec // with the format and limits that the upload was begun with
	writer       recordWriter
	shaper       *shaper
	quarantine   *quarantine.Writer
	nearDeadline func() bool

	from  ledger.Checkpoint // the checkpoint at the start of this invocation
	at    ledger.Checkpoint // what is done, without the open entry
	entry archive.Entry     // the open entry
	// filtered counts the records that the shape has left out in this invocation.
	filtered int64
	// keepSource means that quarantine needs a copy of the source: it does not have all
	// bytes of the rejected records.
	keepSource bool
	// deletedRecorded means that the source was deleted while it was read, and that
	// quarantine has the record of it.
	deletedRecorded bool
}

func newVisitor(h *Handler, u ledger.Upload, spec feed.Spec, w recordWriter, s *shaper, q *quarantine.Writer, nearDeadline func() bool) *visitor {
	return &visitor{h: h, u: u.Upload, spec: spec, writer: w, shaper: s, quarantine: q, nearDeadline: nearDeadline, from: u.Checkpoint, at: u.Checkpoint}
}

// total is the checkpoint at the end of this invocation.
func (v *visitor) total(parts, landed, rejected int64, reasons map[string]int64) ledger.Checkpoint {
	c := v.at
	c.Continuations++
	c.Parts += parts
	c.BytesLanded += landed
	c.Rejected += rejected
	c.Filtered += v.filtered
	c.KeepSource = c.KeepSource || v.keepSource
	c.Reasons = maps.Clone(c.Reasons)
	for reason, n := range reasons {
		if c.Reasons == nil {
			c.Reasons = map[string]int64{}
		}
		c.Reasons[reason] += n
	}
	return c
}

// Entry implements archive.Visitor.
func (v *visitor) Entry(e archive.Entry, r io.Reader) error {
	if e.Index < v.from.Entry {
		return nil
	}
	v.entry = e
	v.shaper.startEntry(e.Path)
	if err := v.writer.StartEntry(e.Index, e.Path); err != nil {
		return err
	}
	result, err := record.Split(deletedReader{v, r}, v.spec.Format, v.spec.Limits, v)
	switch {
	case errors.Is(err, errGiveUp):
		return v.giveUp()
	case errors.Is(err, errContinue):
		return err
	case err != nil:
		return fmt.Errorf("entry %d %q: %w", e.Index, e.Path, err)
	}
	v.ended(e.Index, result.Records+result.Rejected, result.Bytes)
	return v.checkpoint()
}

// ended counts a complete entry.
func (v *visitor) ended(index int, records, bytes int64) {
	v.at.Entries++
	v.at.Records += records
	v.at.BytesUnpacked += bytes
	v.at.Entry, v.at.Ordinal = index+1, 0
}

// errGiveUp ends an entry that no number of continuations would finish.
var errGiveUp = errors.New("reading up to the checkpoint takes all of an invocation's time")

// done reports whether an earlier invocation has processed a record of the open entry.
func (v *visitor) done(ordinal int64) (bool, error) {
	if v.entry.Index != v.from.Entry || ordinal >= v.from.Ordinal {
		return false, nil
	}
	if ordinal%1024 == 0 && v.nearDeadline() {
		return true, errGiveUp
	}
	return true, nil
}

// From implements record.Resumer.
func (v *visitor) From() int64 {
	if v.entry.Index != v.from.Entry {
		return 0
	}
	return v.from.Ordinal
}

// giveUp quarantines the remainder of the upload from the checkpoint on: the file has
// to be put in smaller pieces.
func (v *visitor) giveUp() error {
	ordinal := v.from.Ordinal
	err := v.add(v.entry.Index, fmt.Sprintf("entry %q, record %d", v.entry.Path, ordinal), quarantine.Record{
		Entry: v.entry.Path, Ordinal: ordinal, Offset: -1, Reason: reasonTime, Rest: true,
		Detail: fmt.Sprintf("the first %d records are landed; reading up to there again takes all of an invocation's time: "+
			"put the remainder in smaller files, or uncompressed in a zip", ordinal),
	}, true)
	v.ended(v.entry.Index, ordinal+1, 0)
	if err != nil {
		return err
	}
	return errGiveUp
}

// Record implements record.Sink.
func (v *visitor) Record(ordinal int64, data []byte) error {
	if done, err := v.done(ordinal); done {
		return err
	}
	if limit := v.spec.Limits.Records(v.u.Size); v.at.Records+ordinal >= limit {
		return record.LimitRecords(limit)
	}
	shaped, kept, err := v.shaper.apply(data)
	switch {
	case err != nil:
		return err
	case kept:
		err = v.writer.Record(ordinal, shaped)
	default:
		v.filtered++
		err = v.writer.Skipped(int64(len(data)))
	}
	if err != nil {
		return err
	}
	return v.checkpointAt(ordinal + 1)
}

// checkpointAt is checkpoint before the record with that ordinal of the open entry.
func (v *visitor) checkpointAt(next int64) error {
	if err := v.checkpoint(); err != nil {
		v.at.Entry, v.at.Ordinal = v.entry.Index, next
		return err
	}
	return nil
}

// checkpoint ends the walk at the end of a part near the deadline. A part is never
// closed for the deadline, because its content must depend on the source only.
func (v *visitor) checkpoint() error {
	part, empty := v.writer.NextPart()
	if !empty || !v.nearDeadline() {
		return nil
	}
	v.at.Part = part
	return errContinue
}

// Reject implements record.Sink.
func (v *visitor) Reject(r record.Rejection) error {
	if done, err := v.done(r.Ordinal); done {
		return err
	}
	q := quarantine.Record{
		Entry: v.entry.Path, Ordinal: r.Ordinal, Offset: r.Offset, Reason: r.Reason, Detail: r.Detail, Rest: r.Rest,
	}
	q.SetRaw(r.Raw)
	position := fmt.Sprintf("record %d", r.Ordinal)
	if v.entry.Path != "" {
		position = fmt.Sprintf("entry %q, record %d", v.entry.Path, r.Ordinal)
	}
	if err := v.add(v.entry.Index, position, q, r.RawCut || r.Rest); err != nil || r.Rest {
		return err
	}
	if err := v.writer.Skipped(int64(len(r.Raw))); err != nil {
		return err
	}
	return v.checkpointAt(r.Ordinal + 1)
}

// Damaged implements archive.Visitor: an entry that cannot be opened counts as one record.
func (v *visitor) Damaged(d *archive.Damage) error {
	if d.Entry.Index < v.from.Entry {
		return nil
	}
	err := v.add(d.Entry.Index, "not readable", quarantine.Record{
		Entry: d.Entry.Path, Offset: d.Offset, Reason: string(d.Reason), Detail: d.Error(), Rest: true,
	}, true)
	v.ended(d.Entry.Index, 1, 0)
	return err
}

func (v *visitor) add(entry int, position string, q quarantine.Record, incomplete bool) error {
	identify(&q, v.u, entry)
	if incomplete {
		v.keepSource = true
		q.Copy = quarantine.CopyKey(v.h.Spec.QuarantinePrefix, v.u)
	}
	if v.at.Message == "" {
		v.at.Message = fmt.Sprintf("%s: %s: %s", position, q.Reason, q.Detail)
	}
	return v.quarantine.Add(q)
}

// identify sets the origin of a quarantined record, and unpack as its stage.
func identify(q *quarantine.Record, u ids.Upload, entry int) {
	q.ID = ids.RecordID(u.ID, entry, q.Ordinal)
	q.Feed, q.Source, q.Version, q.Stage = u.Feed, u.Source(), u.Version(), Stage
}

// message is the ledger's message about the whole upload.
func (v *visitor) message(size int64) string {
	switch {
	case v.at.Message != "":
		return v.at.Message
	case size == 0:
		return "the object is empty: it has 0 bytes and no records"
	case v.at.Records == 0:
		return "the object has no records"
	}
	return ""
}
