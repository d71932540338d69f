package unpack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/retry"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/store/ledger"
)

const (
	// GatherWindow is how long small objects wait for others, once several arrive: the
	// first one is processed at once.
	GatherWindow = 5 * time.Second
	// GatherReads is how many small objects are read, and changed in the ledger, at a time.
	GatherReads = 64
	// gatherAttempts is after how many invocations without progress each object is
	// processed by an invocation of its own: one of them probably kills any invocation.
	gatherAttempts = 2
)

// gathering is one invocation's work on the objects that wait in a shard, of which it has
// the lease.
//
// A shared part is entered in the ledger before it is written. The part of an invocation
// that failed in between is found by the next one, which completes it if it was written,
// and drops it otherwise, in a way in which it can never be written: so no record is in two
// parts. Objects are removed from those that wait when their part is entered as work.
type gathering struct {
	*Handler
	shard int
	spec  string // the ID of the format and limits, see reading

	// lease is sent back by who has received it: renewals take turns with the end of the
	// lease, for as long as the table throttles them.
	lease chan ledger.Lease
}

func (h *Handler) gather(ctx context.Context, ref ids.GatherRef) error {
	if ref.Feed != h.Spec.Feed {
		return fmt.Errorf("this function unpacks feed %q", h.Spec.Feed)
	}
	g := &gathering{Handler: h, shard: ref.Shard, lease: make(chan ledger.Lease, 1)}
	lease := h.newLease(ctx)
	g.lease <- lease
	state, ok, err := h.Ledger.StartGathering(ctx, ref.Feed, ref.Shard, lease)
	if err != nil || !ok {
		return err // the other invocation looks for objects once more after its lease
	}
	if g.spec, err = h.reading(ctx); err != nil {
		return err
	}
	nearDeadline := h.NearDeadline(ctx)
	held, release := handler.Renew(ctx, g.leaseTime()/3, g.renew)
	more, err := g.run(held, state, nearDeadline)
	release()
	if err != nil || !more {
		return err
	}
	return h.Self(ctx, ids.Gather{Gather: ref})
}

// run gathers until no object waits. It reports whether objects are left for another
// invocation, because the deadline is near.
func (g *gathering) run(ctx context.Context, state ledger.Gathering, nearDeadline func() bool) (more bool, err error) {
	if state.Shared != "" {
		if err := g.complete(ctx, state.Shared); err != nil {
			return false, err
		}
	}
	process := g.pass
	if state.Attempts > gatherAttempts {
		process = g.apart
	}
	for first := true; ; first = false {
		start := time.Now()
		list, err := g.Ledger.ListWaiting(ctx, g.Spec.Feed, g.shard, "", ledger.MaxMembers)
		if err != nil {
			return false, err
		}
		if stop := nearDeadline(); stop || len(list) == 0 {
			ended, err := g.end(ctx, stop)
			if err != nil || ended {
				return stop, err
			}
			continue
		}
		if !first && len(list) < ledger.MaxMembers {
			if err := retry.Wait(ctx, g.window()-time.Since(start)); err != nil {
				return false, err
			}
			if list, err = g.Ledger.ListWaiting(ctx, g.Spec.Feed, g.shard, "", ledger.MaxMembers); err != nil {
				return false, err
			}
		}
		if err := process(ctx, list); err != nil {
			return false, err
		}
		process = g.pass
	}
}

func (h *Handler) window() time.Duration {
	if h.Window != 0 {
		return h.Window
	}
	return GatherWindow
}

// renew renews the lease of the shard.
func (g *gathering) renew(ctx context.Context) error {
	lease := <-g.lease
	defer func() { g.lease <- lease }()
	lease.Until = time.Now().Add(g.leaseTime())
	return g.Ledger.RenewGathering(ctx, g.Spec.Feed, g.shard, lease)
}

// current is the lease that was taken or renewed last.
func (g *gathering) current() ledger.Lease {
	lease := <-g.lease
	g.lease <- lease
	return lease
}

// end ends the lease. It returns false if it has taken it again, because an object was
// entered by an invocation that saw the lease; with always it does not look for one.
func (g *gathering) end(ctx context.Context, always bool) (ended bool, err error) {
	lease := <-g.lease
	defer func() { g.lease <- lease }()
	if err := g.Ledger.EndGathering(ctx, g.Spec.Feed, g.shard, lease); err != nil || always {
		return true, err
	}
	list, err := g.Ledger.ListWaiting(ctx, g.Spec.Feed, g.shard, "", 1)
	if err != nil || len(list) == 0 {
		return true, err
	}
	lease.Until = time.Now().Add(g.leaseTime())
	_, ok, err := g.Ledger.StartGathering(ctx, g.Spec.Feed, g.shard, lease)
	return !ok, err
}

// pass gathers listed objects into as many parts as they need. A single one gets parts of
// its own, as a large object does.
func (g *gathering) pass(ctx context.Context, list []ledger.Waiting) error {
	if len(list) == 1 {
		return g.single(ctx, list[0])
	}
	b, err := g.newBatch()
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(list, GatherReads) {
		read := make([]member, len(chunk))
		eg, readCtx := errgroup.WithContext(ctx)
		for i, w := range chunk {
			eg.Go(func() (err error) { read[i], err = g.read(readCtx, w); return err })
		}
		if err := eg.Wait(); err != nil {
			return err
		}
		for i := range read {
			if err := b.add(ctx, &read[i]); err != nil {
				return err
			}
		}
		if b.writer.Bytes() >= g.Spec.PartBytes {
			if err := b.commit(ctx); err != nil {
				return err
			}
			if b, err = g.newBatch(); err != nil {
				return err
			}
		}
	}
	return b.commit(ctx)
}

// complete completes the shared part of an invocation that failed, or drops it if it was
// not written: its objects wait still.
func (g *gathering) complete(ctx context.Context, id string) error {
	p, ok, err := g.Ledger.GetPart(ctx, g.Spec.Feed, id, ledger.SharedPart)
	if err != nil {
		return err
	}
	if ok {
		landed, err := landing.DropShared(ctx, g.S3, g.Bucket, p.Key, p.Bytes)
		switch {
		case err != nil:
			return err
		case !landed:
			err = g.Ledger.DropShared(ctx, p)
		default:
			err = g.enter(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return g.Ledger.EndShared(ctx, g.Spec.Feed, g.shard, g.current())
}

// enter does what is left of a part that was written by another invocation. A member that
// does not wait any more was entered, and the part dispatched.
func (g *gathering) enter(ctx context.Context, p ledger.Part) error {
	objects := make([]ledger.Waiting, len(p.Members))
	eg, getCtx := errgroup.WithContext(ctx)
	eg.SetLimit(GatherReads)
	for i, m := range p.Members {
		eg.Go(func() error {
			w, ok, err := g.Ledger.GetWaiting(getCtx, p.Feed, m.WaitingID())
			if ok {
				objects[i] = w
			}
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		return err
	}
	var uploads []ledger.Upload
	var done []ledger.Waiting
	for i, m := range p.Members {
		w := objects[i]
		if w.ID == "" {
			continue
		}
		u := p.Member(m)
		u.Upload = ids.New(ids.Upload{
			Feed: p.Feed, Bucket: w.Bucket, Key: w.Key, VersionID: cmp.Or(m.VersionID, w.VersionID), ETag: cmp.Or(m.ETag, w.ETag), Size: w.Size, Time: m.Time(),
		})
		if u.ID != m.Upload {
			return fmt.Errorf("shared part %s has upload %s, and s3://%s/%s is upload %s", p.Upload, m.Upload, w.Bucket, w.Key, u.ID)
		}
		uploads, done = append(uploads, u), append(done, w)
	}
	return g.finish(ctx, p, uploads, done)
}

// finish does what is left when a part is in the bucket, or when there is none.
func (g *gathering) finish(ctx context.Context, p ledger.Part, uploads []ledger.Upload, done []ledger.Waiting) error {
	eg, enterCtx := errgroup.WithContext(ctx)
	eg.SetLimit(GatherReads)
	for _, u := range uploads {
		u.ExpireInSnowflake, u.Announce = g.Spec.ExpireInSnowflake, g.Spec.Announce
		eg.Go(func() error { return g.Ledger.EnterMember(enterCtx, u) })
	}
	if err := eg.Wait(); err != nil {
		return err
	}
	if p.Records > 0 {
		if err := g.Dispatch(ctx, p.Ref()); err != nil {
			return fmt.Errorf("dispatch shared part %s to load: %w", p.Upload, err)
		}
	}
	return g.Ledger.DropWaiting(ctx, g.Spec.Feed, done)
}

// batch is the shared part that is being filled.
type batch struct {
	*gathering
	start   time.Time
	writer  *landing.SharedWriter
	members []ledger.Member
	uploads []ids.Upload     // of the members
	empty   []ledger.Upload  // without a record to land
	done    []ledger.Waiting // all that are processed
	bytesIn int64
}

func (g *gathering) newBatch() (*batch, error) {
	w, err := landing.NewSharedWriter(landing.Config{API: g.S3, Bucket: g.Bucket, Prefix: g.Spec.LandingPrefix})
	return &batch{gathering: g, start: time.Now(), writer: w}, err
}

// commit writes the part and completes its uploads.
func (b *batch) commit(ctx context.Context) error {
	if len(b.done) == 0 {
		return nil
	}
	if len(b.members) == 0 {
		if err := b.finish(ctx, ledger.Part{}, b.empty, b.done); err != nil {
			return err
		}
		b.report(ledger.Part{}, b.empty)
		return nil
	}
	of := ids.Upload{Feed: b.Spec.Feed, ID: ids.NewSharedID(), Time: b.uploads[0].Time}
	landed, err := b.writer.Close(of)
	if err != nil {
		return err
	}
	p := ledger.Part{
		Feed: of.Feed, Upload: of.ID, Name: ledger.SharedPart, Key: landed.Key, Records: landed.Records, Bytes: landed.Bytes,
		Shards: 1, Members: b.members, Reading: b.spec, Time: of.Time, RecordKey: b.Spec.RecordKey,
		ExpireAfterDays: b.Spec.ExpireAfterDays,
	}
	if err := b.Ledger.BeginShared(ctx, p, b.shard, b.current()); err != nil {
		return err
	}
	if err := b.writer.Land(ctx); err != nil {
		return err
	}
	uploads := b.empty
	for i, m := range b.members {
		u := p.Member(m)
		u.Upload = b.uploads[i]
		uploads = append(uploads, u)
	}
	if err := b.finish(ctx, p, uploads, b.done); err != nil {
		return err
	}
	b.report(p, uploads)
	return b.Ledger.EndShared(ctx, b.Spec.Feed, b.shard, b.current())
}

func (b *batch) report(p ledger.Part, uploads []ledger.Upload) {
	var records, rejected int64
	for _, u := range uploads {
		records += u.Records
		rejected += u.RejectedByUnpack
	}
	seconds := time.Since(b.start).Seconds()
	b.Log.Info("gathered", "part", p.Upload, "objects", len(b.done), "uploads", len(uploads), "records", records, "quarantined", rejected,
		"bytes_in", b.bytesIn, "bytes_landed", p.Bytes, "seconds", seconds)
	b.Metrics.Emit(metrics.Values{
		feed.MetricUploads: float64(len(uploads)), feed.MetricRecords: float64(records), feed.MetricQuarantined: float64(rejected),
		feed.MetricBytesIn: float64(b.bytesIn), feed.MetricSeconds: seconds,
	})
}
