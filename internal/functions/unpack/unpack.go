package unpack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
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

// Stage is the stage that is recorded with quarantined records.
const Stage = "unpack"

// Handler unpacks the objects that an event names.
type Handler struct {
	Spec   feed.Spec
	Bucket string // of landing and quarantine
	S3     s3source.API
	Ledger *ledger.Ledger
	// SourceBucket returns how the bucket of a source is read; nil means by S3.
	SourceBucket func(ctx context.Context, source feed.Source, bucket string) (s3source.Bucket, error)
	// Replays is the S3 client for replays.
	Replays ReplayAPI
	// Dispatch dispatches one part to load. It may be called again for the same part.
	Dispatch func(context.Context, ids.PartRef) error
	// Continue dispatches the continuation of an upload.
	Continue func(context.Context, ids.Resume) error
	// Self invokes unpack asynchronously with a payload. Without it, small objects are not
	// gathered: each has parts of its own.
	Self func(context.Context, any) error
	// Secret returns the text of a secret in Secrets Manager, for feed.Shape.HashSecret.
	Secret func(ctx context.Context, name string) ([]byte, error)
	// NearDeadline is handler.NearDeadline, except in tests.
	NearDeadline func(context.Context) func() bool
	// Lease is how long a lease of an upload holds without renewal; 0 means 30 seconds.
	Lease time.Duration
	// MaxStream is the size in bytes above which a compressed stream is refused; 0 means
	// what Lambda can read of one at most.
	MaxStream int64
	// Window is how long small objects wait for others, 0 means GatherWindow.
	Window  time.Duration
	Metrics *metrics.Emitter
	Log     *slog.Logger

	readingKept atomic.Bool
}

// Handle is the function's handler: payload is an event that s3event.Parse reads, a
// continuation (ids.Resume), a replay (ids.Replay) or names small objects (ids.Gather).
// After an error a retry with the same payload resumes at the last checkpoint.
func (h *Handler) Handle(ctx context.Context, payload json.RawMessage) error {
	ctx, cancel := handler.WithDeadline(ctx)
	defer cancel()
	ctx = handler.WithOwner(ctx)
	if ref, ok := parseResume(payload); ok {
		err := h.resume(ctx, ref)
		if err != nil {
			err = fmt.Errorf("feed %s: upload %s: %w", ref.Feed, ref.Upload, err)
			h.Log.Error("failed", "error", err.Error())
		}
		return err
	}
	if ref, ok := parseReplay(payload); ok {
		err := h.replay(ctx, ref)
		if err != nil {
			err = fmt.Errorf("feed %s: upload %s: replay: %w", ref.Feed, ref.Upload, err)
			h.Log.Error("failed", "error", err.Error())
		}
		return err
	}
	if ref, ok := parseGather(payload); ok {
		err := h.gather(ctx, ref)
		if err != nil {
			err = fmt.Errorf("feed %s: small objects: %w", ref.Feed, err)
			h.Log.Error("failed", "error", err.Error())
		}
		return err
	}
	objects, err := s3event.Parse(payload)
	errs := []error{err}
	small := waiting{}
	for _, o := range objects {
		if _, ok := h.Spec.SourceOf(o.Bucket, o.Key); !ok {
			h.Log.Info("no source of this feed", "bucket", o.Bucket, "key", o.Key)
			continue
		}
		if err := h.object(ctx, o, small); err != nil {
			errs = append(errs, objectError(h.Spec.Feed, o.Bucket, o.Key, err))
		}
	}
	err = errors.Join(append(errs, h.gatherAll(ctx, small))...)
	if err != nil {
		h.Log.Error("failed", "error", err.Error())
	}
	return err
}

func objectError(feedName, bucket, key string, err error) error {
	return fmt.Errorf("feed %s: s3://%s/%s: %w", feedName, bucket, key, err)
}

// open opens the source object of an upload.
func (h *Handler) open(ctx context.Context, u ids.Upload) (*s3source.Object, error) {
	from, err := h.bucketOf(ctx, u)
	if err != nil {
		return nil, err
	}
	return from.Open(ctx, u.Bucket, u.Key, u.VersionID, u.ETag)
}

// bucketOf is the bucket of an upload, with the settings of its source.
func (h *Handler) bucketOf(ctx context.Context, u ids.Upload) (s3source.Bucket, error) {
	if h.SourceBucket == nil {
		return s3source.Bucket{API: h.S3}, nil
	}
	// An object that no source has any more is read with the function's role.
	source, _ := h.Spec.SourceOf(u.Bucket, u.Key)
	return h.SourceBucket(ctx, source, u.Bucket)
}

// newUpload is the ledger's upload of an object that is begun.
func (h *Handler) newUpload(u ids.Upload, reading string) ledger.Upload {
	return ledger.Upload{Upload: u, Shards: ids.Shards(u.Size), PartBytes: h.Spec.PartBytes, Reading: reading, ExpireInSnowflake: h.Spec.ExpireInSnowflake, Announce: h.Spec.Announce}
}

// object unpacks an object or, with small, lets a small one wait for others.
func (h *Handler) object(ctx context.Context, o s3event.Object, small waiting) error {
	if small != nil && h.small(o) {
		return h.wait(ctx, o, small)
	}
	named := ids.Upload{
		Feed: h.Spec.Feed, Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag, Size: o.Size, Time: time.Now(),
	}
	source, err := h.open(ctx, named)
	if errors.Is(err, s3source.ErrNotFound) && feed.IsFolderMarker(o.Key, o.Size) {
		return nil
	}
	if errors.Is(err, s3source.ErrNotFound) {
		return h.missing(ctx, ids.New(named), err)
	}
	if err != nil {
		return err
	}
	named.VersionID, named.ETag, named.Size, named.Time = source.VersionID(), source.ETag(), source.Size(), source.Modified()
	if feed.IsFolderMarker(named.Key, named.Size) {
		h.Log.Info("folder marker", "bucket", named.Bucket, "key", named.Key)
		return nil
	}
	u := ids.New(named)
	// An event without a size, or without a version.
	opened := s3event.Object{Bucket: u.Bucket, Key: u.Key, VersionID: u.VersionID, ETag: u.ETag, Size: u.Size}
	if small != nil && h.small(opened) {
		return h.wait(ctx, opened, small)
	}

	known, ok, err := h.Ledger.GetUpload(ctx, u.Feed, u.ID)
	if err != nil {
		return err
	}
	lease := h.newLease(ctx)
	reading, err := h.reading(ctx)
	if err != nil {
		return err
	}
	entered := h.newUpload(u, reading)
	entered.Reader, entered.ReaderUntil = lease.Owner, lease.Until
	if ok && known.State == ledger.Missing {
		if err := h.Ledger.Found(ctx, entered); err != nil {
			return err
		}
	} else if ok && known.State != ledger.Unpacking {
		h.Log.Info("unpacked already", "upload", u.ID, "source", u.Source(), "state", known.State)
		return h.settle(ctx, known)
	}
	begun, err := h.Ledger.Begin(ctx, entered)
	if err != nil {
		return err
	}
	if begun.Reader != lease.Owner {
		if begun, ok, err = h.take(ctx, begun); err != nil || !ok {
			return err
		}
	}
	return h.unpack(ctx, begun, source, nil)
}

// unpack unpacks from the upload's checkpoint on. When the source object was deleted
// since, deleted is the error of opening it, and source is nil.
func (h *Handler) unpack(ctx context.Context, u ledger.Upload, source *s3source.Object, deleted error) error {
	start := time.Now()
	spec, err := h.specOf(ctx, u)
	if err != nil {
		return err
	}
	ctx, release := h.hold(ctx, u)
	defer release()
	shaper, err := h.newShaper(ctx, spec, u.Upload)
	if err != nil {
		return err
	}
	writer, err := landing.NewWriter(ctx, landing.Config{
		API: h.S3, Bucket: h.Bucket, Prefix: spec.LandingPrefix, Upload: u.Upload, PartBytes: u.PartBytes, FirstPart: u.Checkpoint.Part,
		Landed: func(ctx context.Context, p landing.Part) error { return h.landed(ctx, u, spec.RecordKey, p) },
	})
	if err != nil {
		return err
	}
	v := newVisitor(h, u, spec, writer, shaper, quarantine.NewWriter(ctx, h.S3, h.Bucket, h.Spec.QuarantinePrefix, u.Upload, Stage), h.NearDeadline(ctx))
	walkErr := deleted
	if deleted == nil {
		walkErr = h.walk(ctx, u, source, spec, v)
	}
	continued := errors.Is(walkErr, errContinue)
	switch {
	case errors.Is(walkErr, s3source.ErrNotFound):
		walkErr = v.deleted(walkErr)
	case errors.Is(walkErr, s3source.ErrArchived):
		walkErr = v.unreadable(reasonArchived, walkErr)
	case continued, errors.Is(walkErr, errGiveUp):
		walkErr = nil
	}
	if walkErr == nil && !continued {
		walkErr = writer.Finish()
	}
	parts, landed, landErr := writer.Close()
	rejected, reasons, quarantineErr := v.quarantine.Close()
	// A failed write ends the walk too, with the same error: report it once.
	if landErr != nil && errors.Is(walkErr, landErr) {
		walkErr = nil
	}
	if err := errors.Join(walkErr, landErr, quarantineErr); err != nil {
		return err
	}
	total := v.total(parts, landed, rejected, reasons)
	if v.deletedRecorded {
		if err := h.recount(ctx, u, &total); err != nil {
			return err
		}
	}
	if continued {
		return h.dispatchContinuation(ctx, u, total, start)
	}
	if err := h.keepSource(ctx, u, source, total.KeepSource); err != nil {
		return err
	}
	counts := ledger.Counts{
		Entries: total.Entries, Records: total.Records, RejectedByUnpack: total.Rejected, Filtered: total.Filtered, Parts: total.Parts,
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
		"entries", counts.Entries, "records", counts.Records, "quarantined", counts.RejectedByUnpack, "filtered", counts.Filtered, "parts", counts.Parts,
		"bytes_in", u.Size, "bytes_unpacked", counts.BytesUnpacked, "bytes_landed", counts.BytesLanded,
		"seconds", time.Since(start).Seconds(), "message", settled.Message)
	h.Metrics.Emit(metrics.Values{
		feed.MetricUploads: 1, feed.MetricRecords: float64(counts.Records), feed.MetricQuarantined: float64(counts.RejectedByUnpack),
		feed.MetricBytesIn: float64(u.Size), feed.MetricSeconds: time.Since(start).Seconds(),
	})
	return nil
}

// walk reads the source object. One that certainly is too large is refused at once: to land
// a part of it would take hours, and that part again when it is sent in smaller files.
func (h *Handler) walk(ctx context.Context, u ledger.Upload, source *s3source.Object, spec feed.Spec, v *visitor) error {
	if u.Checkpoint.Continuations == 0 {
		problem, err := tooLong(source, cmp.Or(h.MaxStream, MaxStreamBytes()))
		if err != nil {
			return err
		}
		if problem != nil {
			return v.unreadable(reasonStream, problem)
		}
	}
	return archive.Walk(ctx, u.Key, source, spec.Limits, v)
}

// keepSource copies the source object to the quarantine of its rejected records.
func (h *Handler) keepSource(ctx context.Context, u ledger.Upload, source *s3source.Object, keep bool) error {
	if !keep || source == nil {
		return nil
	}
	err := s3source.Copy(ctx, h.S3, source, h.Bucket, quarantine.CopyKey(h.Spec.QuarantinePrefix, u.Upload))
	if errors.Is(err, s3source.ErrNotFound) {
		return nil // what could be read is kept, and the quarantined record has the reason
	}
	return err
}

// landed writes a part to the ledger before it dispatches it, so that a part that was
// never loaded can be found.
func (h *Handler) landed(ctx context.Context, u ledger.Upload, key *feed.RecordKey, p landing.Part) error {
	name := ids.PartName(p.Entry, p.Number)
	state, err := h.Ledger.PutPart(ctx, ledger.Part{
		Feed: u.Feed, Upload: u.ID, Name: name, Entry: p.Entry, Key: p.Key,
		Records: p.Records, Bytes: p.Bytes, Shards: u.Shards, Time: u.Time, RecordKey: key,
		ExpireAfterDays: h.Spec.ExpireAfterDays,
	})
	if err != nil || state.Done() {
		return err
	}
	if err := h.Dispatch(ctx, ids.PartRef{Feed: u.Feed, Upload: u.ID, Part: name, Time: u.Time}); err != nil {
		return fmt.Errorf("dispatch part %s of upload %s to load: %w", name, u.ID, err)
	}
	return nil
}

// settle completes an upload whose parts are all loaded: an earlier invocation may
// have ended between its last two steps, and no part may be left whose load would do it.
func (h *Handler) settle(ctx context.Context, u ledger.Upload) error {
	if u.State != ledger.Unpacked {
		return nil
	}
	_, err := h.Ledger.Settle(ctx, u.Feed, u.ID)
	return err
}
