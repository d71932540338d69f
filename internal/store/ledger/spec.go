package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	"example.com/ingestion/feed"
)

// Reading is what decides how a source object is divided into records, and what their key
// is. It is kept for the uploads that were begun with it: a retry after a deployment must
// find the same records and parts.
type Reading struct {
	Format feed.Format `json:"format"`
	Limits feed.Limits `json:"limits"`
	// Key is that of the records, nil for none.
	Key *feed.RecordKey `json:"key,omitempty"`
	// Shape is that of the feed, nil for none. Sources are those of the feed, as far as they
	// say which objects have which shape, where one has a shape of its own.
	Shape   *feed.Shape   `json:"shape,omitempty"`
	Sources []feed.Source `json:"sources,omitempty"`
}

// specKey is the ID of a feed's readings among those of its uploads.
const specKey = "spec"

// readingItem is the item of a Reading.
type readingItem struct {
	Item string `dynamodbav:"item"`
	Spec string `dynamodbav:"spec"` // the Reading, as JSON
}

// ID is a hash of the reading.
func (r Reading) ID() (string, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("ledger: encode format and limits: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6]), nil
}

// PutReading keeps a reading of a feed under its ID.
func (l *Ledger) PutReading(ctx context.Context, feedName string, r Reading) error {
	id, err := r.ID()
	if err != nil {
		return err
	}
	k := key(feedName, specKey, id)
	if it, err := l.get(ctx, k, "format of feed "+feedName); err != nil || len(it) > 0 {
		return err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("ledger: encode format and limits: %w", err)
	}
	it, err := encode(readingItem{Item: "spec", Spec: string(b)})
	if err != nil {
		return fmt.Errorf("ledger: encode format and limits: %w", err)
	}
	maps.Copy(it, k)
	if _, err = l.put(ctx, it); err != nil {
		return fmt.Errorf("ledger: keep the format and limits of feed %s: %w", feedName, err)
	}
	return nil
}

// GetReading returns the reading of a feed with an ID, or false where the ledger has
// none.
func (l *Ledger) GetReading(ctx context.Context, feedName, id string) (Reading, bool, error) {
	it, err := l.get(ctx, key(feedName, specKey, id), "format "+id+" of feed "+feedName)
	if err != nil || len(it) == 0 {
		return Reading{}, false, err
	}
	var stored readingItem
	var r Reading
	if err = decode(it, &stored); err == nil {
		err = json.Unmarshal([]byte(stored.Spec), &r)
	}
	if err != nil {
		return Reading{}, false, fmt.Errorf("ledger: format %s of feed %s: %w", id, feedName, err)
	}
	return r, true, nil
}
