package simulate

import (
	"math"
	"math/rand/v2"
	"time"

	"example.com/ingestion/internal/functions/load"
	"example.com/ingestion/internal/operator/estimate"
	"example.com/ingestion/internal/retry"
	"example.com/ingestion/internal/store/ledger"
)

// Run simulates a scenario.
func Run(sc Scenario, sys System, prices estimate.Prices) Result {
	r := newRun(sc, sys, newCosts(prices))
	r.loop()
	return r.result()
}

// run is the state of a simulation. Times are in seconds.
type run struct {
	sc  Scenario
	sys System
	c   costs

	now      float64
	events   eventQueue
	order    int
	capacity float64 // write units a second that the table takes
	fullFor  float64 // since when it is used fully, without a pause of a minute
	fullAt   float64 // when it was used fully for the last time

	parts      int     // of one file
	partUnits  float64 // of the records of one part
	loaderRate float64 // write units a second that a loader's processor allows
	indexFree  []float64

	running      int // invocations of unpack
	waitingFiles []waitingFile
	waiting      [][]part  // by feed
	left         []int     // parts of each feed that are not stored; files, where they share parts
	done         []float64 // when each feed was complete
	turn         int
	starting     int       // loaders that claim a part
	wanted       int       // loaders: package load adapts their number to the table
	deciding     bool      // an event decides on it again
	waits        float64   // seconds that the loaders have waited for the table since the last decision
	waited       float64   // of so many
	loaders      []loading // those that write
	queued       int       // parts

	// service is how many write units each loader has written since the beginning: they
	// share the table's capacity equally.
	service, ledgerUnits float64

	// Of small files, which share parts.
	small     bool
	shards    []shard // by feed
	gathering int     // invocations that gather
	shared    int     // parts

	stored, expired      int
	setAside, unreached  int // parts: of too many attempts, and beyond what unpack reaches
	throttled            int // requests to the ledger that were refused
	random               *rand.Rand
	writes, wasted       float64
	unpackGBs, loadGBs   float64
	unpackRuns, loadRuns float64
	peakLoad, peakUnpack int
	oldest, last         float64
	limitedBy            map[Bottleneck]float64
}

// part is one that waits for a loader.
type part struct {
	tries int // attempts that ended without a checkpoint
	files int // that share it, 1 for a part of one file
}

// waitingFile is an event of unpack that waits in Lambda since at.
type waitingFile struct {
	feed int
	at   float64
}

// loading is a part that a loader has.
type loading struct {
	part
	feed   int
	until  float64 // service at which it is complete
	units  float64
	start  float64
	killed bool
}

// The kinds of events.
const (
	fileArrives = iota
	partLands
	fileEnds
	partClaimed
	objectWaits
	gathers
	loadersDecide
)

// pause is how long a pause in the use of the table may be, in seconds, without being
// one for its throughput: CloudWatch measures the throughput of a minute. Not documented.
const pause = 60.0

// decisions is the interval at which loaders adapt their number, in seconds.
const decisions = 5.0

type event struct {
	at          float64
	order, kind int
	feed        int // of a small object: the shard
	part        part
}

func newRun(sc Scenario, sys System, c costs) *run {
	r := &run{
		sc: sc, sys: sys, c: c, capacity: min(sys.Initial, sys.Quota), fullFor: -1,
		parts:     int(math.Ceil(sc.FileBytes / sys.PartBytes)),
		waiting:   make([][]part, sc.Feeds),
		shards:    make([]shard, sc.Feeds*ledger.WaitingShards),
		random:    rand.New(rand.NewPCG(1, 1)),
		left:      make([]int, sc.Feeds),
		done:      make([]float64, sc.Feeds),
		indexFree: make([]float64, sc.Feeds*sys.IndexShards),
		limitedBy: map[Bottleneck]float64{},
	}
	r.small = sc.FileBytes <= ledger.SmallObjectBytes
	unit := unitsOf(sc.RecordBytes, c.envelope)
	r.partUnits = sc.FileBytes / sc.RecordBytes / float64(r.parts) * unit
	r.loaderRate = processors(sys.LoadMB, c.vcpuMB) * c.loadRate / sc.RecordBytes * unit
	for i := range sc.Files {
		r.left[i%sc.Feeds] += r.parts
	}
	r.push(0, fileArrives, 0)
	return r
}

func (r *run) push(at float64, kind, feed int) { r.pushPart(at, kind, feed, part{files: 1}) }

func (r *run) pushPart(at float64, kind, feed int, p part) {
	r.order++
	r.events.push(event{at, r.order, kind, feed, p})
}

// throttling is how long n requests to the ledger wait, one after another. While the
// table is saturated, each attempt is refused with a chance that grows as the loaders'
// shares fall, and comes back with the backoff of retry.Throttled, which has no bound on
// the attempts.
func (r *run) throttling(n int) float64 {
	if !r.saturated() {
		return 0
	}
	refused, wait := refusedShare(r.share()), 0.0
	for range n {
		for ceiling := retry.Throttled.First; r.random.Float64() < refused; ceiling = min(2*ceiling, retry.Throttled.Max) {
			wait += r.random.Float64() * ceiling.Seconds()
			r.throttled++
		}
	}
	return wait
}

// refusedShare is how often a saturated table refuses one more write, by the write units a
// second that each writer gets: measured with the limiter and the backoff of batchwrite
// over a token bucket per partition.
func refusedShare(units float64) float64 {
	measured := [][2]float64{{1, .947}, {4, .802}, {16, .756}, {40, .733}, {100, .65}, {200, .563}, {400, .474}, {1000, .341}, {2500, .179}, {10_000, .05}, {40_000, .01}}
	if units <= measured[0][0] {
		return measured[0][1]
	}
	for i, m := range measured[1:] {
		if before := measured[i]; units <= m[0] {
			return before[1] + (m[1]-before[1])*math.Log(units/before[0])/math.Log(m[0]/before[0])
		}
	}
	return measured[len(measured)-1][1]
}

// share is the write units a second of each loader.
func (r *run) share() float64 {
	if len(r.loaders) == 0 {
		return 0
	}
	return min(r.loaderRate, r.available()/float64(len(r.loaders)))
}

// available is what the table has for records. The ledger's writes come first, since they
// are single items.
func (r *run) available() float64 {
	if r.now == 0 {
		return r.capacity
	}
	return max(r.capacity-r.ledgerUnits/r.now, r.capacity/20)
}

func (r *run) saturated() bool {
	return len(r.loaders) > 0 && r.loaderRate*float64(len(r.loaders)) >= r.available()
}

// advance moves the time on.
func (r *run) advance(to float64) {
	d := to - r.now
	if d <= 0 {
		return
	}
	r.service += d * r.share()
	r.unpackGBs += d * float64(r.running+r.gathering) * r.sys.UnpackMemoryMB / 1024
	if n := float64(len(r.loaders)); n > 0 {
		r.waits += d * n * (1 - r.share()/r.loaderRate)
	}
	r.waited += d * float64(len(r.loaders)+r.starting)
	r.loadGBs += d * float64(len(r.loaders)+r.starting) * r.sys.LoadMB / 1024
	switch {
	case r.saturated():
		r.limitedBy[TableWrites] += d
	case len(r.loaders)+r.starting >= r.sys.Loaders:
		r.limitedBy[Loaders] += d
	case len(r.waitingFiles) > 0:
		r.limitedBy[Unpack] += d
	default:
		r.limitedBy[Arrival] += d
	}
	if r.saturated() {
		if r.fullFor < 0 || r.now-r.fullAt > pause {
			r.fullFor = r.now
		}
		r.fullAt = to
	}
	r.now = to
}

func (r *run) loop() {
	arrived := 0
	for {
		next, loader := math.Inf(1), -1
		if len(r.events) > 0 {
			next = r.events[0].at
		}
		for i, l := range r.loaders {
			if at := r.now + (l.until-r.service)/r.share(); at < next {
				next, loader = at, i
			}
		}
		if math.IsInf(next, 1) {
			return
		}
		// An on-demand table takes twice its peak after half an hour of full use.
		if r.capacity < r.sys.Quota && r.saturated() && r.fullFor >= 0 {
			if at := r.fullFor + doubling.Seconds(); at < next {
				r.advance(at)
				r.capacity, r.fullFor = min(r.sys.Quota, 2*r.capacity), at
				continue
			}
		}
		r.advance(next)
		if loader >= 0 {
			r.loaded(loader)
			continue
		}
		e := r.events.pop()
		switch e.kind {
		case fileArrives:
			r.arrive(arrived % r.sc.Feeds)
			if arrived++; arrived < r.sc.Files {
				r.push(float64(arrived)*r.sc.Within.Seconds()/float64(r.sc.Files), fileArrives, 0)
			}
		case partLands:
			r.waiting[e.feed] = append(r.waiting[e.feed], e.part)
			r.queued++
			r.ledgerUnits += r.c.perPart
			r.claim()
		case partClaimed:
			r.write(e.feed, e.part)
		case objectWaits:
			r.running--
			r.wait(e.feed)
			r.next()
		case gathers:
			r.gather(e.feed)
		case loadersDecide:
			r.decide()
		case fileEnds:
			r.running--
			r.next()
		}
	}
}

// next runs unpack on the file that waits for the longest time. Lambda drops an event
// after six hours.
func (r *run) next() {
	for len(r.waitingFiles) > 0 && r.running+r.sys.Loaders < r.sys.Concurrency {
		file := r.waitingFiles[0]
		r.waitingFiles = r.waitingFiles[1:]
		age := r.now - file.at
		if age > eventAge.Seconds() {
			r.expired++
			r.lost(file.feed, r.parts)
			continue
		}
		r.oldest = max(r.oldest, age)
		r.unpack(file.feed)
	}
}

func (r *run) arrive(feed int) {
	if r.running+r.sys.Loaders >= r.sys.Concurrency {
		r.waitingFiles = append(r.waitingFiles, waitingFile{feed, r.now})
		return
	}
	r.unpack(feed)
}

// unpack runs unpack on a file. What takes longer than an invocation is continued: in a
// zip at the entry, in a compressed stream after the continuation has decompressed again
// what comes before its checkpoint. So a stream ends where that takes a whole invocation.
func (r *run) unpack(feed int) {
	r.running++
	r.peakUnpack = max(r.peakUnpack, r.running+r.gathering)
	if r.small {
		r.enter(feed)
		return
	}
	vcpus := processors(r.sys.UnpackMemoryMB, r.c.vcpuMB)
	partBytes := r.sc.FileBytes / float64(r.parts)
	perPart := partBytes / r.c.unpackRate / vcpus
	begin := r.now
	at := begin + unpackStart + r.throttling(2)
	r.unpackRuns++
	for part := range r.parts {
		if at+perPart-begin > r.sys.invocationSeconds() {
			begin, at = at, at+unpackStart
			r.unpackRuns++
			if r.sc.Stream {
				skip := float64(part) * partBytes / skipRate / vcpus
				if skip+perPart+unpackStart > r.sys.invocationSeconds() {
					r.unreached += r.parts - part
					r.lost(feed, r.parts-part)
					break
				}
				at += skip
			}
		}
		at += perPart + r.throttling(1)
		r.push(at, partLands, feed)
	}
	r.ledgerUnits += r.c.perUpload
	// The writes to the index wait for its partition.
	shard := feed*r.sys.IndexShards + r.order%r.sys.IndexShards
	r.indexFree[shard] = max(r.indexFree[shard], r.now) + r.c.indexPerUpload/partitionUnits
	if r.indexFree[shard] > at {
		r.limitedBy[IndexWrites] += r.c.indexPerUpload / partitionUnits / float64(r.sys.IndexShards)
		at = r.indexFree[shard]
	}
	r.push(at, fileEnds, feed)
}

// lost notes parts that nothing loads any more.
func (r *run) lost(feed, parts int) {
	if r.left[feed] -= parts; r.left[feed] == 0 {
		r.done[feed] = r.now
	}
}

// decide adapts the number of loaders: as many as the table needs where it is saturated,
// twice as many as before where it is not and parts wait.
func (r *run) decide() {
	r.deciding = len(r.loaders)+r.starting+r.queued > 0
	if !r.deciding {
		r.wanted = 0
		return
	}
	r.push(r.now+decisions, loadersDecide, 0)
	share := r.waits / max(r.waited, 0.001)
	r.waits, r.waited = 0, 0
	switch {
	case share >= load.WaitsForTable:
		r.wanted = min(r.wanted, load.Needed(r.wanted, share))
	case r.queued > 0:
		r.wanted = min(2*r.wanted, r.sys.Loaders)
		r.claim()
	}
}

// claim lets idle loaders take parts, the feeds in turn.
func (r *run) claim() {
	if !r.deciding && r.queued > 0 {
		r.deciding, r.wanted = true, 1
		r.push(r.now+decisions, loadersDecide, 0)
	}
	for len(r.loaders)+r.starting < r.wanted && r.queued > 0 {
		for len(r.waiting[r.turn]) == 0 {
			r.turn = (r.turn + 1) % r.sc.Feeds
		}
		p := r.waiting[r.turn][0]
		r.waiting[r.turn] = r.waiting[r.turn][1:]
		r.queued--
		r.starting++
		r.peakLoad = max(r.peakLoad, len(r.loaders)+r.starting)
		// The claim, the transaction of two items, and the removal of the work.
		start := loadStart + r.throttling(4)
		if r.small {
			start += loadMember * float64(p.files)
		}
		r.pushPart(r.now+start, partClaimed, r.turn, p)
		r.turn = (r.turn + 1) % r.sc.Feeds
	}
}

// write begins to write the records of a part.
func (r *run) write(feed int, p part) {
	r.starting--
	l := loading{feed: feed, part: p, units: r.partUnits * float64(p.files), start: r.now}
	if r.random.Float64() < r.sys.Killed {
		l.killed, l.units = true, l.units/2
	}
	l.until = r.service + l.units
	r.loaders = append(r.loaders, l)
}

func (r *run) loaded(i int) {
	l := r.loaders[i]
	r.loaders = append(r.loaders[:i], r.loaders[i+1:]...)
	r.writes += l.units
	r.loadRuns += max(1, (r.now-l.start)/r.sys.invocationSeconds()) / 20 // a loader takes many parts
	if l.killed {
		// Its lease expires after a minute; then another loader takes the part.
		r.wasted += l.units
		if l.tries+1 >= load.KillsBeforeSetAside {
			r.setAside++
			r.lost(l.feed, l.files)
		} else {
			r.pushPart(r.now+load.DefaultLease.Seconds(), partLands, l.feed, part{l.tries + 1, l.files})
			r.ledgerUnits -= r.c.perPart
		}
	} else {
		r.stored += l.files
		r.last = r.now
		if r.left[l.feed] -= l.files; r.left[l.feed] == 0 {
			r.done[l.feed] = r.now
		}
	}
	r.claim()
}

func (r *run) result() Result {
	files, c := float64(r.sc.Files), r.c
	minUnpack := files * (unpackStart + r.sc.FileBytes/c.unpackRate/processors(r.sys.UnpackMemoryMB, c.vcpuMB)) * r.sys.UnpackMemoryMB / 1024
	minLoad := files * r.sc.FileBytes / c.loadRate / processors(r.sys.LoadMB, c.vcpuMB) * r.sys.LoadMB / 1024
	parts := files * float64(r.parts)
	stored := float64(r.stored) / parts
	gets := c.getsUpload
	if r.small {
		parts, gets = float64(r.shared), c.getsSmall
	}
	records := stored * files * r.sc.FileBytes / r.sc.RecordBytes
	first, last := math.Inf(1), 0.0
	for _, at := range r.done {
		first, last = min(first, at), max(last, at)
	}
	res := Result{
		scenario: r.sc,
		Duration: seconds(r.last), Stored: stored, PeakLoad: r.peakLoad, PeakUnpack: r.peakUnpack,
		OldestEvent: seconds(r.oldest), Expired: r.expired, SetAside: r.setAside, Unreached: r.unreached, Throttled: r.throttled, FirstFeed: seconds(first), LastFeed: seconds(last),
		Lambda:   (r.unpackGBs+r.loadGBs)*c.gbSecond + (r.unpackRuns+r.loadRuns)*c.request,
		DynamoDB: (r.writes + r.ledgerUnits) * c.writeUnit,
		S3:       parts*(c.put+c.publish) + (files*gets+parts*c.getsPart)*c.get,
		Floor:    records*unitsOf(r.sc.RecordBytes, 40)*c.writeUnit + stored*(minUnpack+minLoad)*c.gbSecond,
		Waiting:  max(0, r.loadGBs-stored*minLoad) * c.gbSecond,
		Repeated: r.wasted * c.writeUnit,
	}
	for b, d := range r.limitedBy {
		if res.Bottleneck == "" || d > r.limitedBy[res.Bottleneck] {
			res.Bottleneck = b
		}
	}
	return res
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
