package unpack

import (
	"context"
	"fmt"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/store/ledger"
)

func readingOf(s feed.Spec) ledger.Reading {
	r := ledger.Reading{Format: s.Format, Limits: s.Limits, Key: s.RecordKey, Shape: s.Shape}
	shaped := false
	for _, source := range s.Sources {
		shaped = shaped || source.Shape != nil
		r.Sources = append(r.Sources, feed.Source{
			Kind: source.Kind, Bucket: source.Bucket, Prefix: source.Prefix, Suffixes: source.Suffixes, Shape: source.Shape,
		})
	}
	if !shaped {
		r.Sources = nil
	}
	return r
}

// reading returns the ID of the feed's format, limits, key and shapes, which it keeps in
// the ledger before the first upload is begun with them.
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

// specOf returns the spec with the format, limits, key and shapes that an upload was begun
// with. A deployment may have changed them since, and with others its records and parts
// would be others.
func (h *Handler) specOf(ctx context.Context, u ledger.Upload) (feed.Spec, error) {
	spec := h.Spec
	now, err := readingOf(spec).ID()
	if err != nil || u.Reading == now {
		return spec, err
	}
	if u.Reading == "" { // of a version that had no shapes
		spec.Shape, spec.Sources = nil, nil
		return spec, nil
	}
	r, ok, err := h.Ledger.GetReading(ctx, u.Feed, u.Reading)
	if err == nil && !ok {
		err = fmt.Errorf("the ledger does not have the format %s that the upload was begun with", u.Reading)
	}
	spec.Format, spec.Limits, spec.RecordKey = r.Format, r.Limits, r.Key
	spec.Shape, spec.Sources = r.Shape, r.Sources // unpack needs them for ShapeOf alone
	return spec, err
}
