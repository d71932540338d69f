package load

import (
	"math/rand/v2"
	"slices"

	"example.com/ingestion/internal/store/ledger"
)

// turns is the order in which a loader looks at the feeds: after the feed of its last
// part comes the next by name, so that each feed has one part per round, however many
// parts the others have.
type turns struct {
	first string // feed to begin with; empty for any
	last  string // feed of the last part
}

// order orders feeds, which are sorted by name.
func (t *turns) order(feeds []ledger.FeedWithWork) []ledger.FeedWithWork {
	if len(feeds) < 2 {
		return feeds
	}
	var from int
	switch {
	case t.last != "":
		from = slices.IndexFunc(feeds, func(f ledger.FeedWithWork) bool { return f.Feed > t.last })
	case t.first != "":
		from = slices.IndexFunc(feeds, func(f ledger.FeedWithWork) bool { return f.Feed == t.first })
	default:
		from = rand.IntN(len(feeds))
	}
	if from <= 0 {
		return feeds
	}
	return append(slices.Clone(feeds[from:]), feeds[:from]...)
}
