package feed

// EnvMetrics lists the metrics that a function is to emit, by name, separated
// by commas. A custom metric costs for each month in which it is emitted, so
// what nobody looks at is not.
const EnvMetrics = "METRICS"

// MetricNamespace and the two dimensions, both of each metric, say where the
// metrics are. The feed's name alone would mix those of two environments in one account.
const (
	MetricNamespace = "Ingestion"
	MetricStore     = "Store" // the name of the table, see EnvTable
	MetricFeed      = "Feed"  // Spec.Feed
)

// The metrics. The first two are for alarms and are emitted only above zero.
const (
	MetricErrors      = "Errors"      // invocations of unpack and load that failed
	MetricQuarantined = "Quarantined" // records
	MetricUploads     = "Uploads"     // unpacked whole
	MetricRecords     = "Records"     // found in them
	MetricStored      = "Stored"      // items of the table
	MetricBytesIn     = "BytesIn"     // of source objects
	MetricSeconds     = "Seconds"     // that an upload took to unpack
)
