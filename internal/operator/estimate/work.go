package estimate

import (
	"math"
	"strings"

	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// app holds what the feeds of an app share. Their store may be in another template.
type app struct {
	loaders     []function // that load the parts of a store
	exports     []function // that export the changes of a table
	landingDays float64    // retention of parts; 0: unlimited or unknown
	recovery    bool       // point-in-time recovery of the table
}

func newApp(templates []Template) app {
	var a app
	for _, t := range templates {
		for _, r := range t.sorted() {
			switch r.Type {
			case typeFunction:
				switch f := newFunction(r); {
				case f.has(feed.EnvSpec) || !f.has(feed.EnvLandingBucket):
				case f.has(feed.EnvLoaders):
					a.loaders = append(a.loaders, f)
				default:
					a.exports = append(a.exports, f)
				}
			case "AWS::S3::Bucket":
				a.landingDays = max(a.landingDays, landingDays(r))
			case "AWS::DynamoDB::GlobalTable":
				a.recovery = a.recovery || strings.Contains(string(r.Properties), `"PointInTimeRecoveryEnabled":true`) ||
					strings.Contains(string(r.Properties), `"PointInTimeRecoveryEnabled": true`)
			}
		}
	}
	return a
}

// landingDays returns after how many days a bucket deletes parts, 0 for never.
func landingDays(r Resource) float64 {
	var p struct {
		LifecycleConfiguration struct {
			Rules []struct {
				ExpirationInDays float64
				Prefix           string
			}
		}
	}
	r.read(&p)
	for _, rule := range p.LifecycleConfiguration.Rules {
		if rule.ExpirationInDays > 0 && rule.Prefix == feed.DefaultLandingPrefix {
			return rule.ExpirationInDays
		}
	}
	return 0
}

// work adds the cost of processing a million records.
func (s *sheet) work(a app, f templateFeed, load Workload) {
	var unpack, loader function
	if len(a.loaders) > 0 {
		loader = a.loaders[0]
	}
	for _, r := range f.resources {
		switch {
		case r.Type == typeFunction && strings.HasPrefix(r.id, f.id+"Unpack"):
			unpack = newFunction(r)
		case r.Type == typeFunction && strings.HasPrefix(r.id, f.id+"StoreLoad"):
			loader = newFunction(r)
		case r.Type == typeKey:
			s.leaveOut("requests to the KMS key")
		}
	}
	bytes := million * float64(load.RecordBytes)
	uploads := bytes / float64(load.FileBytes)
	parts := uploads * math.Ceil(float64(load.FileBytes)/float64(f.Spec.PartBytes))
	s.compute(unpack, bytes, "unpack_mb_per_vcpu_second", "unpack")
	if !f.Spec.NoTable {
		s.compute(loader, bytes, "load_mb_per_vcpu_second", "load")
	}
	s.add(Work, "lambda_request", uploads+parts, "unpack once for each of %g files, load once at most for each of %g parts", uploads, parts)
	s.add(Work, "s3_put", parts, "parts")
	s.add(Work, "s3_get", uploads*s.value("s3_gets_per_upload")+parts*s.value("s3_gets_per_part"), "files and parts read")
	line := float64(load.RecordBytes) + s.value("envelope_bytes")
	item := float64(load.RecordBytes) + s.value("item_overhead_bytes")
	if f.Spec.RecordKey != nil {
		item += s.value("record_key_bytes")
	}
	if !f.Spec.NoTable {
		s.add(Work, "dynamodb_wru", million*math.Ceil(item/1024), "records of %g bytes with key", item)
	}
	if f.Spec.RecordKey != nil { // the index has whole items
		s.add(Work, "dynamodb_wru", million*math.Ceil(item/1024), "the same records in the index by key")
	}
	s.add(Work, "dynamodb_wru", uploads*s.value("ledger_wru_per_upload")+parts*s.value("ledger_wru_per_part"), "ledger")
	s.add(Work, "sns_publish", parts, "notifications about parts")
	if hasExisting(f.Spec) {
		s.add(Work, "eventbridge_event", uploads, "files of buckets with EventBridge notifications")
	}
	if f.Spec.Announce {
		s.add(Work, "eventbridge_event", uploads, "announcements of uploads")
	}
	logs := (uploads + parts) * s.value("log_bytes_per_invocation") / 1e9
	s.add(Work, "cloudwatch_logs_gb", logs, "logs")
	if a.landingDays > 0 {
		months := a.landingDays / s.value("days_per_month")
		landed := million * line / s.value("compression") / 1e9
		s.add(Work, "s3_gb_month", landed*months, "parts, compressed, for %g days", a.landingDays)
	}
	s.toSnowflake(a, f, bytes, line)
	gb := million * (item + s.value("index_bytes_per_item")) / 1e9
	if f.Spec.NoTable {
		gb = 0
	}
	s.add(Stored, "dynamodb_gb_month", gb, "records in the table")
	if f.Spec.RecordKey != nil {
		s.add(Stored, "dynamodb_gb_month", gb, "records in the index by key")
	}
	if a.recovery {
		s.add(Stored, "dynamodb_pitr_gb_month", gb, "point-in-time recovery of the table")
	}
	if metrics := customMetrics(unpack); metrics > 0 {
		s.add(InUse, "cloudwatch_metric", metrics, "custom metrics, while something arrives every hour")
	}
	s.leaveOut("the source files, the requests that write them, and stored logs and quarantine")
}

// compute adds the GB-seconds of a function that processes a number of bytes. With less
// than one vCPU it is proportionally slower, with more it is not faster.
func (s *sheet) compute(f function, bytes float64, rate, name string) {
	if f.id == "" {
		return
	}
	processor := min(f.MemorySize/s.value("lambda_mb_per_vcpu"), 1)
	seconds := bytes / 1e6 / s.value(rate) / processor
	s.add(Work, f.price(), seconds*f.gb(), "%s: %.1f s at %g MB", name, seconds, f.MemorySize)
}

func hasExisting(spec feed.Spec) bool {
	for _, source := range spec.Sources {
		if source.Kind == feed.ExistingBucket {
			return true
		}
	}
	return false
}

// toSnowflake adds the cost of loading the records into Snowflake.
func (s *sheet) toSnowflake(a app, f templateFeed, bytes, line float64) {
	if f.Snowflake == nil {
		return
	}
	text := million * line // lines of parts or of changes
	if f.Snowflake.From == snowflake.FromFiles {
		text = bytes
	}
	if f.Snowflake.From == snowflake.FromTable {
		for _, export := range a.exports {
			s.compute(export, text, "export_mb_per_vcpu_second", "export")
			s.add(Work, "dynamodb_stream_read_by_lambda", 1, "changes read by export")
			break
		}
	}
	if f.Snowflake.Load == snowflake.Continuous {
		credits := text / 1e9 * s.value("snowpipe_credits_per_gb")
		s.add(Work, "snowflake_credit", credits, "Snowpipe: %.3g GB of text", text/1e9)
	} else {
		s.leaveOut("Snowflake's compute for COPY or for queries of the external table")
	}
	s.leaveOut("storage in Snowflake")
}

// customMetrics returns the number of metrics that a function always emits. The two for
// alarms are emitted only on errors.
func customMetrics(f function) float64 {
	n := 0.0
	for name := range strings.SplitSeq(f.text(feed.EnvMetrics), ",") {
		switch strings.TrimSpace(name) {
		case "", feed.MetricErrors, feed.MetricQuarantined:
		default:
			n++
		}
	}
	return n
}
