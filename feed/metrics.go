package feed

// EnvMetrics is the environment variable with the names of the metrics that a function
// emits, separated by commas. CloudWatch charges a custom metric for each hour in
// which it is emitted, so only those that are used are emitted.
const EnvMetrics = "METRICS"

// MetricNamespace is the namespace of the metrics, and MetricStore and MetricFeed are
// the dimensions that each has. The feed's name alone would mix the metrics of two
// environments in one account.
const (
	MetricNamespace = "Ingestion"
	MetricStore     = "Store" // the name of the table, see EnvTable
	MetricFeed      = "Feed"  // Spec.Feed
)

// Names of the metrics. The first two are for alarms and are emitted only above zero.
const (
	MetricErrors      = "Errors"      // invocations of unpack and load that failed
	MetricQuarantined = "Quarantined" // records
	MetricUploads     = "Uploads"     // unpacked whole
	MetricRecords     = "Records"     // found in them
	MetricStored      = "Stored"      // items of the table
	MetricBytesIn     = "BytesIn"     // of source objects
	MetricSeconds     = "Seconds"     // that an upload took to unpack
)
