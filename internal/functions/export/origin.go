package export

import (
	"context"
	"encoding/json"
	"fmt"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// origin is what the records of an upload have in common. It is empty for an upload that
// the ledger does not have.
type origin struct {
	members map[string]string // JSON by the name of a line's member
	expire  bool              // ledger.Upload.ExpireInSnowflake
}

// maxOrigins bounds the origins that are kept between batches.
const maxOrigins = 10_000

// origins returns a function that reads the origin of an upload from the ledger, once.
func (h *Handler) origins(ctx context.Context) func(feedName, upload string) (origin, error) {
	missing := map[string]bool{} // in this batch: it may be entered later
	return func(feedName, upload string) (origin, error) {
		if o, known := h.known[upload]; known || missing[upload] {
			return o, nil
		}
		u, ok, err := h.Uploads(ctx, feedName, upload)
		if err != nil {
			return origin{}, err
		}
		if !ok {
			missing[upload] = true
			return origin{}, nil
		}
		o, err := newOrigin(u)
		if err != nil {
			return origin{}, err
		}
		if h.known == nil || len(h.known) >= maxOrigins {
			h.known = map[string]origin{}
		}
		h.known[upload] = o
		return o, nil
	}
}

func newOrigin(u ledger.Upload) (origin, error) {
	o := origin{members: map[string]string{}, expire: u.ExpireInSnowflake}
	for name, value := range map[string]string{"source": u.Source(), "version": u.Version(), "entry": ids.EntryName(u.Key)} {
		text, err := json.Marshal(value)
		if err != nil {
			return o, fmt.Errorf("%s of upload %s: %w", name, u.ID, err)
		}
		o.members[name] = string(text)
	}
	if !u.Time.IsZero() {
		o.members["source_time"] = `"` + ids.TimeText(u.Time) + `"`
	}
	return o, nil
}
