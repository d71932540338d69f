package unpack

import (
	"context"
	"errors"
	"fmt"
	"io"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/files/archive"
	"example.com/ingestion/internal/files/record"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// missing finishes an upload whose object was deleted: with what earlier invocations
// have landed of it, or with nothing.
func (h *Handler) missing(ctx context.Context, u ids.Upload, cause error) error {
	if u.Version() == "" {
		return fmt.Errorf("the event has neither version nor ETag: %w", cause)
	}
	entered, err := h.Ledger.Missing(ctx, ledger.Upload{Upload: u}, cause.Error())
	if err != nil {
		return err
	}
	if entered {
		h.Log.Warn("source object was deleted", "upload", u.ID, "source", u.Source(), "error", cause.Error())
		return nil
	}
	begun, _, err := h.Ledger.GetUpload(ctx, u.Feed, u.ID)
	if err != nil {
		return err
	}
	if begun.State != ledger.Unpacking {
		return h.settle(ctx, begun)
	}
	begun, ok, err := h.take(ctx, begun)
	if err != nil || !ok {
		return err
	}
	return h.unpack(ctx, begun, nil, cause)
}

// recount counts the landed records by the ledger's parts. When the source was
// deleted, an earlier invocation may have read more of it than this one, and may have
// failed before it dispatched its last parts.
func (h *Handler) recount(ctx context.Context, u ledger.Upload, total *ledger.Checkpoint) error {
	total.Parts, total.BytesLanded, total.Records = 0, 0, total.Rejected+total.Filtered
	var dispatchErr error
	err := h.Ledger.Parts(ctx, u.Feed, u.ID, func(p ledger.Part) bool {
		total.Parts++
		total.BytesLanded += p.Bytes
		total.Records += p.Records
		if !p.State.Done() {
			dispatchErr = h.Dispatch(ctx, ids.PartRef{Feed: u.Feed, Upload: u.ID, Part: p.Name, Time: u.Time})
		}
		return dispatchErr == nil
	})
	return errors.Join(err, dispatchErr)
}

// deleted ends an upload whose object was overwritten or deleted before all of it was
// read: what was read is kept, the remainder counts as one record.
func (v *visitor) deleted(cause error) error {
	if v.deletedRecorded {
		return nil
	}
	v.deletedRecorded = true
	return v.unreadable(reasonDeleted, cause)
}

// unreadable counts the remainder of the upload as one record, without a copy.
func (v *visitor) unreadable(reason string, cause error) error {
	err := v.add(v.at.Entry, "not readable", quarantine.Record{
		Ordinal: v.at.Ordinal, Offset: -1, Reason: reason, Detail: cause.Error(), Rest: true,
	}, false)
	v.ended(v.at.Entry, v.at.Ordinal+1, 0)
	return err
}

// deletedReader turns the deletion of an object while it is read into a damaged entry:
// what was read is kept, the remainder is quarantined with the reason.
type deletedReader struct {
	v *visitor
	r io.Reader
}

func (g deletedReader) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	return n, g.damage(err)
}

func (g deletedReader) damage(err error) error {
	if err == nil || !errors.Is(err, s3source.ErrNotFound) {
		return err
	}
	g.v.deletedRecorded = true
	return &archive.Damage{Reason: reasonDeleted, Entry: g.v.entry, Err: err}
}

// ReaderAt implements record.RandomAccess.
func (g deletedReader) ReaderAt() (io.ReaderAt, int64, bool) {
	access, ok := g.r.(record.RandomAccess)
	if !ok {
		return nil, 0, false
	}
	r, size, ok := access.ReaderAt()
	return deletedReaderAt{g, r}, size, ok
}

// deletedReaderAt is deletedReader for reads at any position.
type deletedReaderAt struct {
	deletedReader
	at io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (g deletedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := g.at.ReadAt(p, off)
	return n, g.damage(err)
}
