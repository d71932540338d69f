package load

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/ids"
)

// balancer adapts the number of loaders to what the table takes. unpack invokes one
// loader if none runs. A loader that does not wait for the table invokes another one
// while parts are due, so that their number doubles in five seconds. Where they wait,
// those end that are too many: Lambda bills the time for which they wait, and one loader
// can write more than a new table takes.
type balancer struct {
	at     time.Time     // of the last decision
	before time.Duration // waited until then

	writing sync.Mutex
	writer  *batchwrite.Writer
	waited  time.Duration // of the writers before
}

// WaitsForTable is the share of its time from which on a loader waits for the table.
const WaitsForTable = 0.01

// observe notes the writer of the part being loaded, nil at its end.
func (b *balancer) observe(w *batchwrite.Writer) {
	b.writing.Lock()
	defer b.writing.Unlock()
	if b.writer != nil {
		b.waited += b.writer.Waited()
	}
	b.writer = w
}

// share is the share of the time since its last call for which the loader has waited
// because the table throttled.
func (b *balancer) share(now time.Time) float64 {
	b.writing.Lock()
	waited := b.waited
	if b.writer != nil {
		waited += b.writer.Waited()
	}
	b.writing.Unlock()
	elapsed := now.Sub(b.at)
	share := float64(waited-b.before) / float64(max(elapsed, 1))
	b.at, b.before = now, waited
	return share
}

// Needed is how many loaders can write what running loaders write that wait for such a
// share of their time. Each has a twentieth of its time left: with too few, the table
// would not be used fully.
func Needed(running int, waiting float64) int {
	return max(1, int(math.Ceil(float64(running)*(1-waiting)+0.05)))
}

// balance ends this loader if fewer are needed, or invokes another one.
func (l *loader) balance(ctx context.Context) error {
	share := l.share(time.Now())
	lower, others, err := l.Ledger.Rank(ctx, l.slot)
	if err != nil {
		return err
	}
	if share >= WaitsForTable {
		if lower >= Needed(others+1, share) {
			l.Log.Info("ends: the table takes no more than fewer loaders write", "loaders", others+1, "waited", share)
			l.end(handler.ErrNearDeadline)
		}
		return nil
	}
	if others+1 >= l.Loaders {
		return nil
	}
	if due, err := l.due(ctx, ""); err != nil || !due {
		return err
	}
	return l.Continue(ctx, ids.Load{})
}

// surplus reports whether balance has ended the loader.
func (l *loader) surplus() bool { return errors.Is(context.Cause(l.ending), handler.ErrNearDeadline) }
