package unpack

import (
	"context"
	"fmt"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/store/ledger"
)

func readingOf(s feed.Spec) ledger.Reading {
	return ledger.Reading{Format: s.Format, Limits: s.Limits, Key: s.RecordKey}
}

// reading returns the ID of the feed's format, limits and key, which it keeps in the
// ledger before the first upload is begun with them.
func (h *Handler) reading(ctx context.Context) (string, error) {
	r := readingOf(h.Spec)
	id, err := r.ID()
	if err != nil || h.readingKept.Load() {
		return id, err
	}
	if err := h.Ledger.PutReading(ctx, h.Spec.Feed, r); err != nil {
		return "", err
	}
	h.readingKept.Store(true)
	return id, nil
}

// specOf returns the spec with the format, limits and key that an upload was begun with. A
// deployment may have changed them since, and with others its records and parts would
// be others.
func (h *Handler) specOf(ctx context.Context, u ledger.Upload) (feed.Spec, error) {
	spec := h.Spec
	now, err := readingOf(spec).ID()
	if err != nil || u.Reading == "" || u.Reading == now {
		return spec, err
	}
	r, ok, err := h.Ledger.GetReading(ctx, u.Feed, u.Reading)
	if err == nil && !ok {
		err = fmt.Errorf("the ledger does not have the format %s that the upload was begun with", u.Reading)
	}
	spec.Format, spec.Limits, spec.RecordKey = r.Format, r.Limits, r.Key
	return spec, err
}
