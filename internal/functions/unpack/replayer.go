package unpack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/record"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// replayer tries the records of one batch again.
//
// A record whose bytes quarantine holds whole is read from them. One that
// stands for the rest of its entry, one of which quarantine holds only the
// beginning, and a row whose header is not known, are read from the copy of the
// source object, or from the source object itself. What can be read neither way
// stays as it is.
type replayer struct {
	h            *Handler
	u            ledger.Upload
	reason       string
	batch        quarantine.Batch
	nearDeadline func() bool
	parts        *landing.ReplayWriter
	refused      *quarantine.Writer
	entries      int64  // how many more the upload has
	message      string // why the first that is back was refused

	wanted map[int]*wanted // by entry: what the source is needed for
	// open is the upload's last entry where its rest is wanted, and with it all
	// that comes after; -1 if it is not.
	open int
}

// wanted are records of one entry.
type wanted struct {
	path string
	// met tells of each record by ordinal whether it was found.
	met map[int64]bool
	// rest is the ordinal from which on all are wanted, -1 for none.
	rest    int64
	restMet bool
}

func (r *replayer) run(ctx context.Context) error {
	err := r.batch.Each(ctx, r.h.S3, r.h.Bucket, r.first)
	if err != nil || len(r.wanted) == 0 {
		return err
	}
	if !r.full() {
		if err := r.walk(ctx); err != nil {
			return err
		}
	}
	// What the source did not answer for stays as it is.
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
		return r.back(q)
	})
}

// first takes one record of the batch as far as its own bytes go.
func (r *replayer) first(q quarantine.Record) error {
	_, entry, _, err := ids.ParseRecordID(q.ID)
	if err != nil {
		return err
	}
	if r.reason != "" && q.Reason != r.reason || r.full() {
		return r.back(q)
	}
	if q.Stage != Stage { // load refused it: its bytes are a record
		raw, err := q.Bytes()
		if err != nil {
			return err
		}
		return r.parts.Record(entry, q.Entry, q.Ordinal, raw)
	}
	entryText, whole, err := r.alone(q)
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
		return r.parts.Record(entry, q.Entry, q.Ordinal, s.records[0])
	case len(s.rejected) == 1 && len(s.records) == 0 && s.rejected[0].Reason != q.Reason:
		q.Reason, q.Detail = s.rejected[0].Reason, "in the record itself, "+s.rejected[0].Detail
	}
	return r.back(q)
}

// full reports whether the replay has all the parts that one may have, but for
// the one that is being made. What is left is for another replay.
func (r *replayer) full() bool { return r.parts.Closed() >= ledger.MaxReplayParts-1 }

// text is a record's bytes made into an entry of its own.
type text struct {
	text   []byte
	format feed.Format
}

// alone makes an entry of a record's own bytes; it reports false where they are
// not all that is needed.
func (r *replayer) alone(q quarantine.Record) (text, bool, error) {
	spec := r.h.Spec.Format
	if q.Rest || q.Copy != "" || spec.Kind == feed.CSV && len(spec.Columns) == 0 {
		return text{}, false, nil
	}
	raw, err := q.Bytes()
	if err != nil {
		return text{}, false, err
	}
	t := text{text: raw, format: feed.Format{Kind: spec.Kind, Delimiter: spec.Delimiter, Columns: spec.Columns}}
	if q.RawEncoding != "" {
		// Raw is UTF-8 wherever it can be: these bytes are as they were in the file.
		t.format.Encoding = spec.Encoding
	}
	switch {
	case spec.Kind == feed.CSV:
		t.text = append(header(spec), raw...)
	case bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte{'['}):
		// As a document of its own an array would be many records.
		t.text = append(append([]byte{'['}, raw...), ']')
		t.format.Kind = feed.JSON
	default:
		t.format.Kind = feed.JSON // a record of lines may have line breaks only where JSON may
	}
	return t, true, nil
}

// header is the header row of the format's columns, each in quotes.
func header(f feed.Format) []byte {
	var b []byte
	for i, name := range f.Columns {
		if i > 0 {
			b = append(b, f.Delimiter...)
		}
		b = append(b, '"')
		b = append(b, bytes.ReplaceAll([]byte(name), []byte{'"'}, []byte(`""`))...)
		b = append(b, '"')
	}
	return append(b, '\n')
}

func (r *replayer) want(entry int, q quarantine.Record) {
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

// back puts a record back in quarantine.
func (r *replayer) back(q quarantine.Record) error {
	if r.message == "" {
		r.message = fmt.Sprintf("record %d: %s: %s", q.Ordinal, q.Reason, q.Detail)
		if q.Entry != "" {
			r.message = fmt.Sprintf("entry %q, %s", q.Entry, r.message)
		}
	}
	return r.refused.Add(q)
}

// refuse puts a record of the walk in quarantine.
func (r *replayer) refuse(entry int, path string, j record.Rejection) error {
	q := quarantine.Record{Entry: path, Ordinal: j.Ordinal, Offset: j.Offset, Reason: j.Reason, Detail: j.Detail, Rest: j.Rest}
	q.SetRaw(j.Raw)
	identify(&q, r.u.Upload, entry)
	if j.RawCut || j.Rest {
		q.Copy = quarantine.CopyKey(r.h.Spec.QuarantinePrefix, r.u.Upload)
	}
	return r.back(q)
}

// single keeps what Split finds.
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
