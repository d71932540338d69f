package simulate

import (
	"example.com/ingestion/internal/functions/unpack"
	"example.com/ingestion/internal/store/ledger"
)

// shard is a shard of the small objects of a feed.
type shard struct {
	objects   int // that wait
	gathering bool
	begun     bool // the first object of the shard is processed at once, later ones wait for others
}

// enter runs unpack on the event of a small object, which then waits.
func (r *run) enter(feed int) {
	r.unpackRuns++
	at := r.now + smallEvent + r.throttling(1)
	r.push(at, objectWaits, feed*ledger.WaitingShards+r.order%ledger.WaitingShards)
}

// wait lets an object wait in a shard. The invocation of its event gathers the shard if no
// other one does.
func (r *run) wait(of int) {
	s := &r.shards[of]
	s.objects++
	if s.gathering {
		return
	}
	s.gathering, s.begun = true, false
	r.gathering++
	r.gather(of)
}

// gather processes the objects that wait in a shard, as many as a part may have.
func (r *run) gather(of int) {
	s := &r.shards[of]
	if s.objects == 0 {
		s.gathering = false
		r.gathering--
		return
	}
	n := min(s.objects, ledger.MaxMembers)
	if limit := int(r.sys.PartBytes / r.sc.FileBytes); n > limit {
		n = max(limit, 1)
	}
	s.objects -= n
	feed := of / ledger.WaitingShards
	at := r.now + gatherPart + gatherObject*float64(n) + r.throttling(3)
	r.ledgerUnits += r.c.perSmall * float64(n)
	// The writes to the index wait for its partition.
	perShard := r.c.indexPerUpload / partitionUnits / float64(r.sys.IndexShards)
	index := feed * r.sys.IndexShards
	for i := range r.sys.IndexShards {
		r.indexFree[index+i] = max(r.indexFree[index+i], r.now) + perShard*float64(n)
	}
	if free := r.indexFree[index]; free > at {
		r.limitedBy[IndexWrites] += free - at
		at = free
	}
	r.shared++
	r.pushPart(at, partLands, feed, part{files: n})
	if s.objects < ledger.MaxMembers {
		at += unpack.GatherWindow.Seconds()
	}
	r.push(at, gathers, of)
}
