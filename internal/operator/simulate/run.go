package simulate

import (
	"math"
	"time"

	"example.com/ingestion/internal/operator/estimate"
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
	fullFor  float64 // since when it is used fully, without a pause

	parts      int     // of one file
	partUnits  float64 // of the records of one part
	loaderRate float64 // write units a second that a loader's processor allows
	indexFree  []float64

	running      int // invocations of unpack
	waitingFiles []float64
	waiting      []int     // parts by feed
	left         []int     // parts of each feed that are not stored
	done         []float64 // when each feed was complete
	turn         int
	starting     int       // loaders that claim a part
	loaders      []loading // those that write
	queued       int       // parts

	// service is how many write units each loader has written since the beginning: they
	// share the table's capacity equally.
	service, ledgerUnits float64

	stored, expired        int
	writes, wasted         float64
	unpackGBs, loadGBs     float64
	unpackRuns, loadRuns   float64
	peakLoad, peakUnpack   int
	oldest, last           float64
	limitedBy              map[Bottleneck]float64
	killEvery, killCounter float64
}

// loading is a part that a loader has.
type loading struct {
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
)

type event struct {
	at          float64
	order, kind int
	feed        int
}

func newRun(sc Scenario, sys System, c costs) *run {
	r := &run{
		sc: sc, sys: sys, c: c, capacity: min(sys.Initial, sys.Quota), fullFor: -1,
		parts:     int(math.Ceil(sc.FileBytes / sys.PartBytes)),
		waiting:   make([]int, sc.Feeds),
		left:      make([]int, sc.Feeds),
		done:      make([]float64, sc.Feeds),
		indexFree: make([]float64, sc.Feeds*sys.IndexShards),
		limitedBy: map[Bottleneck]float64{},
	}
	unit := unitsOf(sc.RecordBytes, c.envelope)
	r.partUnits = sc.FileBytes / sc.RecordBytes / float64(r.parts) * unit
	r.loaderRate = processors(sys.LoadMB, c.vcpuMB) * c.loadRate / sc.RecordBytes * unit
	if sys.Killed > 0 {
		r.killEvery = 1 / sys.Killed
	}
	for i := range sc.Files {
		r.left[i%sc.Feeds] += r.parts
	}
	r.push(0, fileArrives, 0)
	return r
}

func (r *run) push(at float64, kind, feed int) {
	r.order++
	r.events.push(event{at, r.order, kind, feed})
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
	r.unpackGBs += d * float64(r.running) * r.sys.UnpackMemoryMB / 1024
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
	if !r.saturated() {
		r.fullFor = -1
	} else if r.fullFor < 0 {
		r.fullFor = r.now
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
			r.waiting[e.feed]++
			r.queued++
			r.ledgerUnits += r.c.perPart
			r.load()
		case partClaimed:
			r.write(e.feed)
		case fileEnds:
			r.running--
			r.next(e.feed)
		}
	}
}

// next runs unpack on the file that waits for the longest time. Lambda drops an event
// after six hours.
func (r *run) next(feed int) {
	for len(r.waitingFiles) > 0 && r.running+r.sys.Loaders < r.sys.Concurrency {
		age := r.now - r.waitingFiles[0]
		r.waitingFiles = r.waitingFiles[1:]
		if age > eventAge.Seconds() {
			r.expired++
			continue
		}
		r.oldest = max(r.oldest, age)
		r.unpack(feed)
	}
}

func (r *run) arrive(feed int) {
	if r.running+r.sys.Loaders >= r.sys.Concurrency {
		r.waitingFiles = append(r.waitingFiles, r.now)
		return
	}
	r.unpack(feed)
}

// unpack runs unpack on a file. What takes longer than an invocation is continued: the
// continuation reads the object again from the last entry, and so decompresses again.
func (r *run) unpack(feed int) {
	r.running++
	r.peakUnpack = max(r.peakUnpack, r.running)
	perPart := r.sc.FileBytes / float64(r.parts) / r.c.unpackRate / processors(r.sys.UnpackMemoryMB, r.c.vcpuMB)
	at := r.now + unpackStart
	for range r.parts {
		at += perPart
		r.push(at, partLands, feed)
	}
	r.unpackRuns += math.Ceil((at - r.now) / r.sys.invocationSeconds())
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

// load lets idle loaders take parts, the feeds in turn.
func (r *run) load() {
	for len(r.loaders)+r.starting < r.sys.Loaders && r.queued > 0 {
		for r.waiting[r.turn] == 0 {
			r.turn = (r.turn + 1) % r.sc.Feeds
		}
		r.waiting[r.turn]--
		r.queued--
		r.starting++
		r.peakLoad = max(r.peakLoad, len(r.loaders)+r.starting)
		r.push(r.now+loadStart, partClaimed, r.turn)
		r.turn = (r.turn + 1) % r.sc.Feeds
	}
}

// write begins to write the records of a part.
func (r *run) write(feed int) {
	r.starting--
	l := loading{feed: feed, units: r.partUnits, start: r.now}
	if r.killEvery > 0 {
		if r.killCounter++; r.killCounter >= r.killEvery {
			r.killCounter, l.killed, l.units = 0, true, r.partUnits/2
		}
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
		r.push(r.now+60, partLands, l.feed)
		r.ledgerUnits -= r.c.perPart
	} else {
		r.stored++
		r.last = r.now
		if r.left[l.feed]--; r.left[l.feed] == 0 {
			r.done[l.feed] = r.now
		}
	}
	r.load()
}

func (r *run) result() Result {
	files, c := float64(r.sc.Files), r.c
	records := files * r.sc.FileBytes / r.sc.RecordBytes
	minUnpack := files * (unpackStart + r.sc.FileBytes/c.unpackRate/processors(r.sys.UnpackMemoryMB, c.vcpuMB)) * r.sys.UnpackMemoryMB / 1024
	minLoad := files * r.sc.FileBytes / c.loadRate / processors(r.sys.LoadMB, c.vcpuMB) * r.sys.LoadMB / 1024
	parts := files * float64(r.parts)
	first, last := math.Inf(1), 0.0
	for _, at := range r.done {
		first, last = min(first, at), max(last, at)
	}
	res := Result{
		scenario: r.sc,
		Duration: seconds(r.last), Stored: float64(r.stored) / parts, PeakLoad: r.peakLoad, PeakUnpack: r.peakUnpack,
		OldestEvent: seconds(r.oldest), Expired: r.expired, FirstFeed: seconds(first), LastFeed: seconds(last),
		Lambda:   (r.unpackGBs+r.loadGBs)*c.gbSecond + (r.unpackRuns+r.loadRuns)*c.request,
		DynamoDB: (r.writes + r.ledgerUnits) * c.writeUnit,
		S3:       parts*(c.put+c.publish) + (files*c.getsUpload+parts*c.getsPart)*c.get,
		Floor:    records*unitsOf(r.sc.RecordBytes, 40)*c.writeUnit + (minUnpack+minLoad)*c.gbSecond,
		Wasted:   max(0, r.loadGBs-minLoad)*c.gbSecond + r.wasted*c.writeUnit,
	}
	for b, d := range r.limitedBy {
		if res.Bottleneck == "" || d > r.limitedBy[res.Bottleneck] {
			res.Bottleneck = b
		}
	}
	return res
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
