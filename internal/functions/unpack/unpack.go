// Package unpack turns a source object into parts: it is the unpack function,
// apart from its wiring.
package unpack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/files/archive"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// Stage is the name that quarantined records carry.
const Stage = "unpack"

// Handler unpacks the objects that an event names.
type Handler struct {
	Spec   feed.Spec
	Bucket string // of landing and quarantine
	S3     s3source.API
	Ledger *ledger.Ledger
	// Origin opens the bucket of a source; nil means that S3 reads them all.
	SourceBucket func(ctx context.Context, source feed.Source, bucket string) (s3source.Bucket, error)
	// Replays is the client of S3 as far as S3 is not: for replays.
	Replays ReplayAPI
	// Dispatch hands one part to load. It may be called again for the same part.
	Dispatch func(context.Context, ids.PartRef) error
	// Continue hands an upload that takes longer than one invocation to the next.
	Continue func(context.Context, ids.Resume) error
	// NearDeadline is handler.NearDeadline, except in tests.
	NearDeadline func(context.Context) func() bool
	Metrics      *metrics.Emitter
	Log          *slog.Logger
}

// Handle is the function: payload is any form that event.Parse reads. An error
// means that the same payload is to be sent again; what was done is not done twice.
func (h *Handler) Handle(ctx context.Context, payload json.RawMessage) error {
	ctx, cancel := handler.WithDeadline(ctx)
	defer cancel()
	if ref, ok := resume(payload); ok {
		err := h.resume(ctx, ref)
		if err != nil {
			err = fmt.Errorf("feed %s: upload %s: %w", ref.Feed, ref.Upload, err)
			h.Log.Error("failed", "error", err.Error())
		}
		return err
	}
	if ref, ok := replayOf(payload); ok {
		err := h.replay(ctx, ref)
		if err != nil {
			err = fmt.Errorf("feed %s: upload %s: replay: %w", ref.Feed, ref.Upload, err)
			h.Log.Error("failed", "error", err.Error())
		}
		return err
	}
	objects, err := s3event.Parse(payload)
	errs := []error{err}
	for _, o := range objects {
		if _, ok := h.Spec.SourceOf(o.Bucket, o.Key); !ok {
			h.Log.Info("not of this feed", "bucket", o.Bucket, "key", o.Key)
			continue
		}
		if err := h.object(ctx, o); err != nil {
			errs = append(errs, fmt.Errorf("feed %s: s3://%s/%s: %w", h.Spec.Feed, o.Bucket, o.Key, err))
		}
	}
	err = errors.Join(errs...)
	if err != nil {
		h.Log.Error("failed", "error", err.Error())
	}
	return err
}

// resume reads the payload that an earlier invocation has made, also from the
// failure queue.
func resume(payload []byte) (ids.Ref, bool) {
	var p struct {
		ids.Resume
		RequestPayload ids.Resume `json:"requestPayload"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return ids.Ref{}, false
	}
	ref := p.Resume.Resume
	if ref.Upload == "" {
		ref = p.RequestPayload.Resume
	}
	return ref, ref.Upload != ""
}

func (h *Handler) resume(ctx context.Context, ref ids.Ref) error {
	u, ok, err := h.Ledger.GetUpload(ctx, ref.Feed, ref.Upload)
	if err != nil {
		return err
	}
	if !ok || ref.Feed != h.Spec.Feed {
		return fmt.Errorf("the ledger of feed %q does not know the upload", h.Spec.Feed)
	}
	if u.State != ledger.Unpacking {
		return nil
	}
	source, err := h.open(ctx, u.Upload)
	if errors.Is(err, s3source.ErrNotFound) {
		return h.unpack(ctx, u, nil, err)
	}
	if err != nil {
		return err
	}
	return h.unpack(ctx, u, source, nil)
}

// open opens the source object of an upload, as its source says.
func (h *Handler) open(ctx context.Context, u ids.Upload) (*s3source.Object, error) {
	from := s3source.Bucket{API: h.S3}
	if h.SourceBucket != nil {
		// Of an object that is no longer of any source, the function's own role may do.
		source, _ := h.Spec.SourceOf(u.Bucket, u.Key)
		var err error
		if from, err = h.SourceBucket(ctx, source, u.Bucket); err != nil {
			return nil, err
		}
	}
	return from.Open(ctx, u.Bucket, u.Key, u.VersionID, u.ETag)
}

func (h *Handler) object(ctx context.Context, o s3event.Object) error {
	named := ids.Upload{
		Feed: h.Spec.Feed, Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag, Size: o.Size, Time: time.Now(),
	}
	source, err := h.open(ctx, named)
	if errors.Is(err, s3source.ErrNotFound) {
		return h.missing(ctx, ids.New(named), err)
	}
	if err != nil {
		return err
	}
	named.VersionID, named.ETag, named.Size, named.Time = source.VersionID(), source.ETag(), source.Size(), source.Modified()
	u := ids.New(named)

	known, ok, err := h.Ledger.GetUpload(ctx, u.Feed, u.ID)
	if err != nil {
		return err
	}
	entered := ledger.Upload{Upload: u, Shards: ids.Shards(u.Size), PartBytes: h.Spec.PartBytes}
	if ok && known.State == ledger.Missing {
		if known, err = h.Ledger.Found(ctx, entered); err != nil {
			return err
		}
	}
	if ok && known.State != ledger.Unpacking {
		h.Log.Info("known already", "upload", u.ID, "source", u.Source(), "state", known.State)
		return nil
	}
	begun, err := h.Ledger.Begin(ctx, entered)
	if err != nil {
		return err
	}
	return h.unpack(ctx, begun, source, nil)
}

// missing ends an upload whose object is not there: with what an earlier
// invocation has landed of it, or with nothing.
func (h *Handler) missing(ctx context.Context, u ids.Upload, cause error) error {
	if u.Version() == "" {
		return fmt.Errorf("neither version nor ETag in the event, and %w", cause)
	}
	entered, err := h.Ledger.Missing(ctx, ledger.Upload{Upload: u}, cause.Error())
	if err != nil {
		return err
	}
	if entered {
		h.Log.Warn("source object is gone", "upload", u.ID, "source", u.Source(), "error", cause.Error())
		return nil
	}
	begun, _, err := h.Ledger.GetUpload(ctx, u.Feed, u.ID)
	if err != nil || begun.State != ledger.Unpacking {
		return err
	}
	return h.unpack(ctx, begun, nil, cause)
}

// unpack goes on from the upload's checkpoint. Where the source has gone since,
// gone says so, and source is nil.
func (h *Handler) unpack(ctx context.Context, u ledger.Upload, source *s3source.Object, gone error) error {
	start := time.Now()
	writer, err := landing.NewWriter(ctx, landing.Config{
		API: h.S3, Bucket: h.Bucket, Prefix: h.Spec.LandingPrefix, Upload: u.Upload, PartBytes: u.PartBytes,
		Landed: func(ctx context.Context, p landing.Part) error { return h.landed(ctx, u, p) },
	})
	if err != nil {
		return err
	}
	v := newVisitor(h, u, writer, quarantine.NewWriter(ctx, h.S3, h.Bucket, h.Spec.QuarantinePrefix, u.Upload, Stage), h.NearDeadline(ctx))
	walkErr := gone
	if gone == nil {
		walkErr = archive.Walk(ctx, u.Key, source, h.Spec.Limits, v)
	}
	handOn := errors.Is(walkErr, errContinue)
	switch {
	case errors.Is(walkErr, s3source.ErrNotFound):
		walkErr = v.gone(walkErr)
	case errors.Is(walkErr, s3source.ErrArchived):
		walkErr = v.unreadable(reasonArchived, walkErr)
	case handOn, errors.Is(walkErr, errGiveUp):
		walkErr = nil
	}
	parts, landed, landErr := writer.Close()
	rejected, reasons, quarantineErr := v.quarantine.Close()
	// A landing that failed ends the walk too: its error is the cause, the walk's its echo.
	if landErr != nil && errors.Is(walkErr, landErr) {
		walkErr = nil
	}
	if err := errors.Join(walkErr, landErr, quarantineErr); err != nil {
		return err
	}
	total := v.total(parts, landed, rejected, reasons)
	if v.goneTold {
		if err := h.recount(ctx, u, &total); err != nil {
			return err
		}
	}
	if handOn {
		return h.handOn(ctx, u, total, start)
	}
	if err := h.keepSource(ctx, u, source, total.KeepSource); err != nil {
		return err
	}
	counts := ledger.Counts{
		Entries: total.Entries, Records: total.Records, RejectedByUnpack: total.Rejected, Parts: total.Parts,
		BytesUnpacked: total.BytesUnpacked, BytesLanded: total.BytesLanded,
	}
	if err := h.Ledger.Unpacked(ctx, u, counts, total.Reasons, v.message(u.Size)); err != nil {
		return err
	}
	settled, err := h.Ledger.Settle(ctx, u.Feed, u.ID)
	if err != nil {
		return err
	}
	h.Log.Info("unpacked", "upload", u.ID, "source", u.Source(), "version", u.Version(), "state", settled.State,
		"entries", counts.Entries, "records", counts.Records, "quarantined", counts.RejectedByUnpack, "parts", counts.Parts,
		"bytes_in", u.Size, "bytes_unpacked", counts.BytesUnpacked, "bytes_landed", counts.BytesLanded,
		"seconds", time.Since(start).Seconds(), "message", settled.Message)
	h.Metrics.Emit(metrics.Values{
		feed.MetricUploads: 1, feed.MetricRecords: float64(counts.Records), feed.MetricQuarantined: float64(counts.RejectedByUnpack),
		feed.MetricBytesIn: float64(u.Size), feed.MetricSeconds: time.Since(start).Seconds(),
	})
	return nil
}

// recount counts the landed records by the ledger's parts. Where the source has
// gone, an earlier invocation may have come further than this one could, and
// may have ended before it handed its last parts on.
func (h *Handler) recount(ctx context.Context, u ledger.Upload, total *ledger.Checkpoint) error {
	total.Parts, total.BytesLanded, total.Records = 0, 0, total.Rejected
	var handErr error
	err := h.Ledger.Parts(ctx, u.Feed, u.ID, func(p ledger.Part) bool {
		total.Parts++
		total.BytesLanded += p.Bytes
		total.Records += p.Records
		if !p.State.Done() {
			handErr = h.Dispatch(ctx, ids.PartRef{Feed: u.Feed, Upload: u.ID, Part: p.Name})
		}
		return handErr == nil
	})
	return errors.Join(err, handErr)
}

// handOn stores the checkpoint before it calls the next invocation.
func (h *Handler) handOn(ctx context.Context, u ledger.Upload, c ledger.Checkpoint, start time.Time) error {
	if c.Continuations > handler.MaxContinuations {
		return fmt.Errorf("handed on %d times and not done", handler.MaxContinuations)
	}
	if err := h.Ledger.SetCheckpoint(ctx, u, c); err != nil {
		return err
	}
	if err := h.Continue(ctx, ids.Resume{Resume: ids.Ref{Feed: u.Feed, Upload: u.ID}}); err != nil {
		return fmt.Errorf("hand upload %s on: %w", u.ID, err)
	}
	h.Log.Info("handed on", "upload", u.ID, "source", u.Source(), "continuation", c.Continuations, "entry", c.Entry, "ordinal", c.Ordinal,
		"parts", c.Parts, "bytes_landed", c.BytesLanded, "seconds", time.Since(start).Seconds())
	return nil
}

// keepSource copies the source object beside what was refused of it.
func (h *Handler) keepSource(ctx context.Context, u ledger.Upload, source *s3source.Object, keep bool) error {
	if !keep || source == nil {
		return nil
	}
	err := s3source.Copy(ctx, h.S3, source, h.Bucket, quarantine.CopyKey(h.Spec.QuarantinePrefix, u.Upload))
	if errors.Is(err, s3source.ErrNotFound) {
		return nil // what could be read is kept, and the reason says so
	}
	return err
}

// landed enters a part in the ledger before it hands it on, so that a part that
// was never loaded can be found.
func (h *Handler) landed(ctx context.Context, u ledger.Upload, p landing.Part) error {
	name := ids.PartName(p.Entry, p.Number)
	state, err := h.Ledger.PutPart(ctx, ledger.Part{
		Feed: u.Feed, Upload: u.ID, Name: name, Entry: p.Entry, Key: p.Key,
		Records: p.Records, Bytes: p.Bytes, Shards: u.Shards, Time: u.Time,
	})
	if err != nil || state.Done() {
		return err
	}
	if err := h.Dispatch(ctx, ids.PartRef{Feed: u.Feed, Upload: u.ID, Part: name}); err != nil {
		return fmt.Errorf("hand part %s of upload %s to load: %w", name, u.ID, err)
	}
	return nil
}
