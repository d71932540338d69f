package unpack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/record"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// batchReplay replays the records of one batch.
//
// A record whose bytes quarantine has in full is split from them. A record that
// stands for the remainder of its entry, one of which quarantine has only the
// beginning, and a row whose header is unknown are read from the copy of the source
// object, or from the source object itself. What cannot be read in either way is kept
// as it is.
type batchReplay struct {
	h            *Handler
	u            ledger.Upload
	reason       string
	batch        quarantine.Batch
	nearDeadline func() bool
	parts        *landing.ReplayWriter
	shaper       *shaper
	// shaped means that the bytes of records that load has rejected may be shaped ones.
	shaped   bool
	filtered int64
	rejected *quarantine.Writer
	entries  int64  // how many entries were added to the upload
	message  string // about the first record that is rejected again

	wanted map[int]*wanted // by entry: records that need the source
	// open is the upload's last entry if its remainder is wanted, and with it all
	// later entries; else -1.
	open int
}

// wanted has the records of one entry that are read from the source.
type wanted struct {
	path string
	// met has the ordinals of the wanted records, and whether each was found.
	met map[int64]bool
	// rest is the ordinal from which on all records are wanted, -1 for none.
	rest    int64
	restMet bool
}

func (r *batchReplay) run(ctx context.Context) error {
	err := r.batch.Each(ctx, r.h.S3, r.h.Bucket, r.direct)
	if err != nil || len(r.wanted) == 0 {
		return err
	}
	if !r.full() {
		if err := r.reread(ctx); err != nil {
			return err
		}
	}
	// Records that the source does not have any more are kept as they are.
	return r.batch.Each(ctx, r.h.S3, r.h.Bucket, func(q quarantine.Record) error {
		_, entry, _, err := ids.ParseRecordID(q.ID)
		if err != nil {
			return err
		}
		w := r.wanted[entry]
		if w == nil {
			return nil
		}
		met, single := w.met[q.Ordinal]
		if q.Rest && w.rest == q.Ordinal {
			met, single = w.restMet, true
		}
		if !single || met {
			return nil
		}
		return r.reject(q)
	})
}

// direct replays one record of the batch if its bytes are sufficient.
func (r *batchReplay) direct(q quarantine.Record) error {
	_, entry, _, err := ids.ParseRecordID(q.ID)
	if err != nil {
		return err
	}
	if r.reason != "" && q.Reason != r.reason || r.full() {
		return r.reject(q)
	}
	if q.Stage != Stage && r.shaped {
		r.want(entry, q) // its bytes are not those of the source
		return nil
	}
	if q.Stage != Stage { // rejected by load: its bytes are a record
		raw, err := q.Bytes()
		if err != nil {
			return err
		}
		return r.parts.Record(entry, q.Entry, q.Ordinal, raw)
	}
	entryText, whole, err := r.standalone(q)
	if err != nil {
		return err
	}
	if !whole {
		r.want(entry, q)
		return nil
	}
	s := &single{}
	if _, err := record.Split(bytes.NewReader(entryText.text), entryText.format, r.h.Spec.Limits, s); err != nil {
		return err
	}
	switch {
	case len(s.records) == 1 && len(s.rejected) == 0:
		r.shaper.startEntry(q.Entry)
		return r.landDirect(entry, q, s.records[0])
	case len(s.rejected) == 1 && len(s.records) == 0 && s.rejected[0].Reason != q.Reason:
		q.Reason, q.Detail = s.rejected[0].Reason, "in the record itself, "+s.rejected[0].Detail
	}
	return r.reject(q)
}

// land shapes a record and adds it to the parts. The error of one that cannot be shaped is
// one of record.Refuse.
func (r *batchReplay) land(entry int, path string, ordinal int64, data []byte) error {
	shaped, kept, err := r.shaper.apply(data)
	if err != nil {
		return err
	}
	if !kept {
		r.filtered++
		return nil
	}
	return r.parts.Record(entry, path, ordinal, shaped)
}

// landDirect is land for a record of quarantine, to which one returns that cannot be shaped.
func (r *batchReplay) landDirect(entry int, q quarantine.Record, data []byte) error {
	err := r.land(entry, q.Entry, q.Ordinal, data)
	reason, detail, refused := record.Refused(err)
	if !refused {
		return err
	}
	q.Reason, q.Detail = reason, "in the record itself, "+detail
	return r.reject(q)
}

// full reports whether the replay has as many parts as one may have, besides the open
// one. The remainder is for another replay.
func (r *batchReplay) full() bool { return r.parts.Closed() >= ledger.MaxReplayParts-1 }

// text is an entry made of the bytes of one record.
type text struct {
	text   []byte
	format feed.Format
}

// standalone makes an entry of a record's bytes. It returns false if they are not
// sufficient.
func (r *batchReplay) standalone(q quarantine.Record) (text, bool, error) {
	spec := r.h.Spec.Format
	// Raw is without the spaces at its end, which may be values of fixed-width text.
	if q.Rest || q.Copy != "" || spec.Kind == feed.Parquet || spec.Kind == feed.CSV && len(spec.Columns) == 0 || spec.Kind == feed.FixedWidth {
		return text{}, false, nil
	}
	raw, err := q.Bytes()
	if err != nil {
		return text{}, false, err
	}
	t := text{text: raw, format: spec}
	// Raw is decoded, and neither the document around it nor the lines before the header
	// row are part of it.
	t.format.Encoding, t.format.Path, t.format.SkipLines = "", "", 0
	switch {
	case spec.Kind == feed.CSV && spec.NoHeader:
	case spec.Kind == feed.CSV:
		t.text = append(header(spec), raw...)
	case bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte{'['}):
		// A document that is an array would be many records.
		t.text = append(append([]byte{'['}, raw...), ']')
		t.format.Kind = feed.JSON
	default:
		t.format.Kind = feed.JSON // a record of lines may have line breaks only where JSON may
	}
	return t, true, nil
}

// header is the header row of the format's columns, with quotes unless it has none.
func header(f feed.Format) []byte {
	var b []byte
	for i, name := range f.Columns {
		if i > 0 {
			b = append(b, f.Delimiter...)
		}
		if f.Quotes == feed.NoQuotes {
			b = append(b, name...)
			continue
		}
		if f.Escape != "" {
			name = strings.ReplaceAll(name, f.Escape, f.Escape+f.Escape)
		}
		b = append(b, '"')
		b = append(b, strings.ReplaceAll(name, `"`, `""`)...)
		b = append(b, '"')
	}
	return append(b, '\n')
}

func (r *batchReplay) want(entry int, q quarantine.Record) {
	w := r.wanted[entry]
	if w == nil {
		w = &wanted{path: q.Entry, met: map[int64]bool{}, rest: -1}
		r.wanted[entry] = w
	}
	if !q.Rest {
		w.met[q.Ordinal] = false
		return
	}
	w.rest = q.Ordinal
	if int64(entry) == r.u.Entries-1 {
		r.open = entry
	}
}

// reject returns a record to quarantine.
func (r *batchReplay) reject(q quarantine.Record) error {
	if r.message == "" {
		r.message = fmt.Sprintf("record %d: %s: %s", q.Ordinal, q.Reason, q.Detail)
		if q.Entry != "" {
			r.message = fmt.Sprintf("entry %q, %s", q.Entry, r.message)
		}
	}
	return r.rejected.Add(q)
}

// rejectRead quarantines a record that was read from the source.
func (r *batchReplay) rejectRead(entry int, path string, j record.Rejection) error {
	q := quarantine.Record{Entry: path, Ordinal: j.Ordinal, Offset: j.Offset, Reason: j.Reason, Detail: j.Detail, Rest: j.Rest}
	q.SetRaw(j.Raw)
	identify(&q, r.u.Upload, entry)
	if j.RawCut || j.Rest {
		q.Copy = quarantine.CopyKey(r.h.Spec.QuarantinePrefix, r.u.Upload)
	}
	return r.reject(q)
}

// single collects what record.Split finds.
type single struct {
	records  []json.RawMessage
	rejected []record.Rejection
}

// Record implements record.Sink.
func (s *single) Record(_ int64, data []byte) error {
	s.records = append(s.records, bytes.Clone(data))
	return nil
}

// Reject implements record.Sink.
func (s *single) Reject(j record.Rejection) error {
	s.rejected = append(s.rejected, j)
	return nil
}
