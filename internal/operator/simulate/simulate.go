// Package simulate simulates the functions of a store at scale: files arrive, unpack
// writes parts, and loaders write the records of the parts to one on-demand table. It
// takes its figures from the code (part size, loaders, timeouts), from the measurements
// and prices of package estimate, and from AWS's documentation.
//
// It simulates what limits the flow: the throughput of the table, which doubles with
// use, requests to the ledger that it refuses, that of an index partition, the account's
// concurrent executions, the duration of invocations, and loaders that are killed, whose
// lease has to expire. It does not simulate S3's request rates, the
// partitions of the table, and Snowflake.
package simulate

import (
	"math"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/operator/estimate"
)

// Scenario is what arrives.
type Scenario struct {
	Name string
	// Files arrive at equal intervals over Within, FileBytes of NDJSON each, for one of
	// Feeds in turn.
	Files     int
	FileBytes float64
	Within    time.Duration
	Feeds     int
	// Stream means that a file is one compressed stream, such as gzip, of which a
	// continuation has to decompress again what comes before its checkpoint. Without it a
	// file is a zip of many entries.
	Stream bool
	// RecordBytes is the size of a record as JSON.
	RecordBytes float64
}

// System is what processes it.
type System struct {
	Loaders                int
	UnpackMemoryMB, LoadMB float64
	Timeout                time.Duration // of both functions
	PartBytes              float64
	// Quota is the table's limit in write units a second, Initial what it takes from
	// the start.
	Quota, Initial float64
	// Concurrency is how many invocations of all functions the account allows.
	Concurrency int
	// IndexShards is how many partition keys the ledger's index has for one feed.
	IndexShards int
	// Killed is the share of parts whose loader is killed halfway.
	Killed float64
}

// Limits of AWS, from its documentation.
const (
	// newTable is what an on-demand table takes from the start, in write units a second,
	// and doubling the time after which it takes twice its peak.
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
	newTable = 4000.0
	doubling = 30 * time.Minute
	// tableQuota is the default quota of a table, partitionUnits the limit of a partition.
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
	tableQuota     = 40_000.0
	partitionUnits = 1000.0
	// concurrency is the default quota of an account, and eventAge for how long Lambda
	// keeps an asynchronous event.
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	concurrency = 1000
	eventAge    = 6 * time.Hour
)

// NewSystem returns the defaults of the code with a table that is new.
func NewSystem() System {
	return System{
		Loaders: feed.DefaultLoaders, UnpackMemoryMB: feed.DefaultUnpackMemoryMB, LoadMB: feed.DefaultLoadMemoryMB,
		Timeout: 15 * time.Minute, PartBytes: feed.DefaultPartBytes, Quota: tableQuota, Initial: newTable,
		Concurrency: concurrency, IndexShards: feed.LedgerIndexShards, Killed: 0.0001,
	}
}

// Warmed returns the system with a table whose warm throughput is its quota.
func (s System) Warmed() System {
	s.Initial = s.Quota
	return s
}

// Result is what the simulation found.
type Result struct {
	// Duration is until the last record is stored, Stored the share of the records that
	// are stored then.
	Duration time.Duration
	Stored   float64
	// PeakLoad is the highest number of invocations of load at a time, PeakUnpack that of
	// unpack.
	PeakLoad, PeakUnpack int
	// OldestEvent is the longest time that an event of unpack waited, Expired how many
	// waited for six hours and went to the failure queue.
	OldestEvent time.Duration
	Expired     int
	// SetAside is the number of parts that were attempted too often, Unreached that of the
	// parts in compressed streams beyond what unpack reaches, Throttled that of refused
	// requests to the ledger.
	SetAside, Unreached, Throttled int
	// Costs in US dollars.
	Lambda, DynamoDB, S3 float64
	// Floor is what the write units of the bare payload and minimal compute cost for the
	// records that are stored. Waiting is what loaders cost while they do not write,
	// Repeated what the write units cost of what a killed loader had written before.
	Floor, Waiting, Repeated float64
	// FirstFeed and LastFeed are when the first and the last feed were complete.
	FirstFeed, LastFeed time.Duration
	// Bottleneck is what limited the flow for the longest time.
	Bottleneck Bottleneck

	scenario Scenario
}

// Total is the sum of the costs.
func (r Result) Total() float64 { return r.Lambda + r.DynamoDB + r.S3 }

// Bottleneck is what limits the flow.
type Bottleneck string

// The bottlenecks.
const (
	Arrival     Bottleneck = "the files' arrival"
	TableWrites Bottleneck = "the table's write units"
	IndexWrites Bottleneck = "the write units of the ledger's index"
	Loaders     Bottleneck = "the loaders' processors"
	Unpack      Bottleneck = "concurrent executions of unpack"
)

// overheads of invocations and requests, in seconds. Not measured in AWS.
const (
	unpackStart = 0.08 // requests before and after the records of a file
	loadStart   = 0.06 // claim, read of the ledger, and transaction of a part

	smallEvent   = 0.03  // a small object is entered, and the state of its shard is read
	gatherPart   = 0.1   // a shared part is entered, written and dispatched
	gatherObject = 0.002 // six requests for each object, unpack.GatherReads at a time, and their processing
	loadMember   = 0.001 // an upload of a shared part is read and entered as loaded, 32 at a time

	// skipRate is how many bytes a second of one vCPU unpack decompresses without landing
	// them, measured: 228 to 298 MB.
	skipRate = 260e6
)

// costs are the figures of estimate that the simulation needs.
type costs struct {
	unpackRate, loadRate float64 // bytes a second of one vCPU
	vcpuMB               float64
	perUpload, perPart   float64 // write units of the ledger
	indexPerUpload       float64 // write units of its index
	envelope             float64
	gbSecond, request    float64
	writeUnit, put, get  float64
	publish              float64
	getsUpload, getsPart float64
	getsSmall            float64
	perSmall             float64 // write units of the ledger of an upload in a shared part
}

func newCosts(p estimate.Prices) costs {
	value := func(name string) float64 { return p.Assumptions[name].Value }
	usd := func(name string) float64 { return p.Prices[name].USD }
	return costs{
		unpackRate: value("unpack_mb_per_vcpu_second") * 1e6, loadRate: value("load_mb_per_vcpu_second") * 1e6,
		vcpuMB: value("lambda_mb_per_vcpu"), perUpload: value("ledger_wru_per_upload"), perPart: value("ledger_wru_per_part"),
		indexPerUpload: value("index_wru_per_upload"), envelope: value("item_overhead_bytes"),
		gbSecond: usd("lambda_gb_second_arm64"), request: usd("lambda_request"),
		writeUnit: usd("dynamodb_wru"), put: usd("s3_put"), get: usd("s3_get"), publish: usd("sns_publish"),
		getsSmall: value("s3_gets_per_small_upload"), perSmall: value("ledger_wru_per_small_upload"),
		getsUpload: value("s3_gets_per_upload"), getsPart: value("s3_gets_per_part"),
	}
}

// wireShare is how many bytes an item has for each byte of a record as JSON, measured with
// the records of the benchmark.
const wireShare = 0.8

// unitsOf is the mean number of write units of a record: records vary by a fifth around
// their mean size.
func unitsOf(recordBytes, envelope float64) float64 {
	const steps = 40
	sum := 0.0
	for i := range steps + 1 {
		size := recordBytes*wireShare*(1+0.2*(2*float64(i)/steps-1)) + envelope
		sum += math.Ceil(size / 1024)
	}
	return sum / (steps + 1)
}

// processors is how many vCPUs a function has; both use at most one.
func processors(memoryMB, vcpuMB float64) float64 { return min(memoryMB/vcpuMB, 1) }

// invocationSeconds is for how long an invocation works.
func (s System) invocationSeconds() float64 { return (s.Timeout - handler.Reserve).Seconds() }
