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

	"ingestion/internal/archive"
	"ingestion/internal/event"
	"ingestion/internal/feed"
	"ingestion/internal/function"
	"ingestion/internal/landing"
	"ingestion/internal/ledger"
	"ingestion/internal/quarantine"
	"ingestion/internal/s3io"
	"ingestion/internal/upload"
)

// Stage is the name that quarantined records carry.
const Stage = "unpack"

// Handler unpacks the objects that an event names.
type Handler struct {
	Spec   feed.Spec
	Bucket string // of landing and quarantine
	S3     s3io.API
	Ledger *ledger.Ledger
	// HandOn hands one part to load. It may be called again for the same part.
	HandOn func(context.Context, upload.PartRef) error
	Log    *slog.Logger
}

// Handle is the function: payload is any form that event.Parse reads. An error
// means that the same payload is to be sent again; what was done is not done twice.
func (h *Handler) Handle(ctx context.Context, payload json.RawMessage) error {
	ctx, cancel := function.WithDeadline(ctx)
	defer cancel()
	objects, err := event.Parse(payload)
	errs := []error{err}
	for _, o := range objects {
		if !h.Spec.Accepts(o.Key) {
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

func (h *Handler) object(ctx context.Context, o event.Object) error {
	named := upload.Upload{
		Feed: h.Spec.Feed, Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag, Size: o.Size, Time: time.Now(),
	}
	source, err := s3io.OpenSource(ctx, h.S3, o.Bucket, o.Key, o.VersionID, o.ETag)
	if errors.Is(err, s3io.ErrGone) {
		return h.missing(ctx, upload.New(named), err)
	}
	if err != nil {
		return err
	}
	named.VersionID, named.ETag, named.Size, named.Time = source.VersionID(), source.ETag(), source.Size(), source.Modified()
	u := upload.New(named)

	known, ok, err := h.Ledger.GetUpload(ctx, u.Feed, u.ID)
	if err != nil {
		return err
	}
	if ok && known.State != ledger.Unpacking {
		h.Log.Info("known already", "upload", u.ID, "source", u.Source(), "state", known.State)
		return nil
	}
	begun, err := h.Ledger.Begin(ctx, ledger.Upload{Upload: u, Shards: upload.Shards(u.Size), PartBytes: h.Spec.PartBytes})
	if err != nil {
		return err
	}
	return h.unpack(ctx, begun, source)
}

func (h *Handler) missing(ctx context.Context, u upload.Upload, cause error) error {
	if u.Version() == "" {
		return fmt.Errorf("neither version nor ETag in the event, and %w", cause)
	}
	known, err := h.Ledger.Begin(ctx, ledger.Upload{Upload: u})
	if err != nil {
		return err
	}
	h.Log.Warn("source object is gone", "upload", u.ID, "source", u.Source(), "error", cause.Error())
	return h.Ledger.Missing(ctx, known, cause.Error())
}

func (h *Handler) unpack(ctx context.Context, u ledger.Upload, source *s3io.Source) error {
	start := time.Now()
	writer, err := landing.NewWriter(ctx, landing.Config{
		API: h.S3, Bucket: h.Bucket, Prefix: h.Spec.LandingPrefix, Upload: u.Upload, PartBytes: u.PartBytes,
		Landed: func(ctx context.Context, p landing.Part) error { return h.landed(ctx, u, p) },
	})
	if err != nil {
		return err
	}
	v := &visitor{
		h: h, u: u.Upload, writer: writer,
		quarantine: quarantine.NewWriter(ctx, h.S3, h.Bucket, h.Spec.QuarantinePrefix, u.Upload, Stage),
	}
	walkErr := archive.Walk(ctx, u.Key, source, h.Spec.Limits, v)
	if errors.Is(walkErr, s3io.ErrGone) {
		walkErr = v.gone(walkErr)
	}
	parts, landed, landErr := writer.Close()
	rejected, reasons, quarantineErr := v.quarantine.Close()
	var copyErr error
	if v.keepSource {
		copyErr = s3io.Copy(ctx, h.S3, source, h.Bucket, quarantine.CopyKey(h.Spec.QuarantinePrefix, u.Upload))
		if errors.Is(copyErr, s3io.ErrGone) {
			copyErr = nil // what could be read is kept, and the reason says so
		}
	}
	// A landing that failed ends the walk too: its error is the cause, the walk's its echo.
	if landErr != nil && errors.Is(walkErr, landErr) {
		walkErr = nil
	}
	if err := errors.Join(walkErr, landErr, quarantineErr, copyErr); err != nil {
		return err
	}

	counts := ledger.Counts{
		Entries: v.entries, Records: v.records, RejectedByUnpack: rejected, Parts: parts,
		BytesUnpacked: v.bytes, BytesLanded: landed,
	}
	if err := h.Ledger.Unpacked(ctx, u, counts, reasons, v.message(u.Size)); err != nil {
		return err
	}
	settled, err := h.Ledger.Settle(ctx, u.Feed, u.ID)
	if err != nil {
		return err
	}
	h.Log.Info("unpacked", "upload", u.ID, "source", u.Source(), "version", u.Version(), "state", settled.State,
		"entries", counts.Entries, "records", counts.Records, "quarantined", rejected, "parts", parts,
		"bytes_in", u.Size, "bytes_unpacked", counts.BytesUnpacked, "bytes_landed", landed,
		"seconds", time.Since(start).Seconds(), "message", settled.Message)
	return nil
}

// landed enters a part in the ledger before it hands it on, so that a part that
// was never loaded can be found.
func (h *Handler) landed(ctx context.Context, u ledger.Upload, p landing.Part) error {
	name := upload.PartName(p.Entry, p.Number)
	state, err := h.Ledger.PutPart(ctx, ledger.Part{
		Feed: u.Feed, Upload: u.ID, Name: name, Entry: p.Entry, Key: p.Key,
		Records: p.Records, Bytes: p.Bytes, Shards: u.Shards, Time: u.Time,
	})
	if err != nil || state.Done() {
		return err
	}
	if err := h.HandOn(ctx, upload.PartRef{Feed: u.Feed, Upload: u.ID, Part: name}); err != nil {
		return fmt.Errorf("hand part %s of upload %s to load: %w", name, u.ID, err)
	}
	return nil
}
