package ledger

import (
	"context"
	"fmt"
	"maps"

	"example.com/ingestion/feed"
)

// Missing enters an upload whose source object was deleted or overwritten, and
// reports whether it did: an upload that was begun stays as it is. It is one
// write, so that no other invocation ever finds an upload of which the ledger
// has only what its event contains.
func (l *Ledger) Missing(ctx context.Context, u Upload, message string) (entered bool, err error) {
	it, err := l.encodeNew(u, Missing)
	if err != nil {
		return false, err
	}
	maps.Copy(it, key(u.Feed, u.ID, uploadSortKey))
	it["message"] = str(message)
	u.State, u.Message = Missing, message
	if it[settledAttribute], err = encodeSettled(u); err != nil {
		return false, err
	}
	if entered, err = l.put(ctx, it); err != nil {
		return false, fmt.Errorf("ledger: enter missing upload %s: %w", u.ID, err)
	}
	return entered, nil
}

// Found moves an upload from Missing to Unpacking, as if Begin had entered it
// without a lease: in a bucket without versions, the same content may be put again.
// An upload that is not Missing stays as it is.
func (l *Ledger) Found(ctx context.Context, u Upload) error {
	if err := l.putFile(ctx, u); err != nil {
		return err
	}
	c := change{key: key(u.Feed, u.ID, uploadSortKey), condition: equal("state", Missing)}
	c.set("state", Unpacking)
	c.set("bytes_in", u.Size)
	c.set("shards", u.Shards)
	c.set("part_bytes", u.PartBytes)
	c.set("reading", u.Reading)
	c.set("expire_in_snowflake", u.ExpireInSnowflake)
	c.set("announce", u.Announce)
	c.set("source_time", stamp(u.Time))
	c.set("started_at", stamp(l.now()))
	c.set(feed.LedgerIndexSortKey, indexSortKey(u))
	c.remove("message")
	c.unsettle()
	if _, err := l.apply(ctx, c); err != nil && !conditionFailed(err) {
		return fmt.Errorf("ledger: begin missing upload %s: %w", u.ID, err)
	}
	return nil
}
