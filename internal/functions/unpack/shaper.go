package unpack

import (
	"context"
	"errors"
	"fmt"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/record"
	"example.com/ingestion/internal/files/shape"
	"example.com/ingestion/internal/ids"
)

// shaper applies the shape of one source object to its records. nil changes none.
type shaper struct {
	ctx    context.Context //nolint:containedctx // of the walk: a Sink has no context
	shaper *shape.Shaper
	u      ids.Upload
}

// newShaper compiles the shape that a spec has for the object of an upload.
func (h *Handler) newShaper(ctx context.Context, spec feed.Spec, u ids.Upload) (*shaper, error) {
	s := spec.ShapeOf(u.Bucket, u.Key)
	if s == nil {
		return nil, nil
	}
	c := shape.Config{MaxBytes: spec.Limits.MaxRecordBytes}
	if s.HashSecret != "" {
		if h.Secret == nil {
			return nil, fmt.Errorf("shape: secret %q: this function reads no secrets", s.HashSecret)
		}
		var err error
		if c.HashKey, err = h.Secret(ctx, s.HashSecret); err != nil {
			return nil, fmt.Errorf("shape: secret %q: %w", s.HashSecret, err)
		}
	}
	compiled, err := shape.New(*s, c)
	if err != nil {
		return nil, fmt.Errorf("shape: %w", err)
	}
	return &shaper{ctx: ctx, shaper: compiled, u: u}, nil
}

// startEntry sets the entry of the records that follow.
func (s *shaper) startEntry(path string) {
	if s != nil {
		s.shaper.StartEntry(shape.Origin{Source: s.u.Source(), Key: s.u.Key, Entry: path, Modified: s.u.Time, Upload: s.u.ID})
	}
}

// apply returns the shaped record, and false if it is filtered out. The error of a record
// that cannot be shaped is one of record.Refuse.
func (s *shaper) apply(data []byte) ([]byte, bool, error) {
	if s == nil {
		return data, true, nil
	}
	out, kept, err := s.shaper.Shape(s.ctx, data)
	var failure *shape.Failure
	if errors.As(err, &failure) {
		err = record.Refuse(shape.Reason, failure.Error())
	}
	return out, kept, err
}
