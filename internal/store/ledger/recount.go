package ledger

import (
	"context"
	"fmt"
)

// recount counts the parts of an upload that has fewer parts than are loaded:
// one invocation found that the source object was deleted and completed the
// upload with the parts landed so far, while another one was still reading and
// landed more. It reports whether the upload has changed since u was read.
func (l *Ledger) recount(ctx context.Context, u Upload) (bool, error) {
	var parts, records, bytes int64
	err := l.PartsOf(ctx, u, func(p Part) bool {
		parts++
		records += p.Records - p.Replayed
		bytes += p.Bytes
		return true
	})
	if err != nil || parts <= u.Parts {
		return false, err
	}
	// Where another invocation counts at the same time, or a replay was
	// committed, one of them has to count again.
	c := change{
		key:       key(u.Feed, u.ID, uploadSortKey),
		condition: equal("parts", u.Parts).And(equal("rejected_by_unpack", u.RejectedByUnpack)),
	}
	c.set("records", records+u.RejectedByUnpack+u.Filtered)
	c.set("bytes_landed", bytes)
	c.set("parts", parts)
	c.unsettle()
	if u.PartsLoaded < parts {
		c.set("state", Unpacked)
	}
	if _, err = l.apply(ctx, c); err != nil && !conditionFailed(err) {
		return false, fmt.Errorf("ledger: count the parts of upload %s: %w", u.ID, err)
	}
	return true, nil
}
