package constructs

import (
	"fmt"
	"regexp"
	"time"

	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/alarm"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// StoreAlarmProps name who is notified of the alarms of every feed.
type StoreAlarmProps struct {
	// Emails are subscribed to the topic; each receives a mail to confirm.
	Emails []string
	// TopicARN is an existing SNS topic, instead of one of the store's own.
	// Its policy must let cloudwatch.amazonaws.com publish.
	TopicARN string
}

// AlarmProps set the alarms of one feed. Every feed of a store with an alarm
// topic has four: events waiting in the failure queue, quarantined records, failed
// invocations, and unpack throttled for a quarter of an hour. They cost $0.10 a month
// for each metric, of which the alarm on failed invocations has two. The store has
// two of its own, for load.
// With Continuous and a Connection, Snowpipe is looked at every four hours.
type AlarmProps struct {
	// Off leaves all of them out.
	Off bool
	// NothingFor adds an alarm: nothing arrived for that long, in whole hours
	// from 1 hour to 7 days.
	NothingFor time.Duration
	// Emails and TopicARN are those of StoreAlarmProps, for a feed with a store of its own.
	Emails   []string
	TopicARN string
}

func (p AlarmProps) store() StoreAlarmProps { return StoreAlarmProps{p.Emails, p.TopicARN} }

var emailAddress = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)

func (p StoreAlarmProps) validate(report report) {
	for _, address := range p.Emails {
		if !emailAddress.MatchString(address) {
			report("Alarms.Emails", "%q is not an address, such as \"data@example.com\"", address)
		}
	}
	if p.TopicARN == "" {
		return
	}
	if !stackscope.IsToken(p.TopicARN) && !topicARN.MatchString(p.TopicARN) {
		report("Alarms.TopicARN", "%q is not the ARN of an SNS topic", p.TopicARN)
	}
	if len(p.Emails) > 0 {
		report("Alarms.Emails", "%q must be subscribed by the owner of the topic %q: leave one of the two out", p.Emails, p.TopicARN)
	}
}

// validateAlarms reports what is wrong with the alarms of a feed.
func (p IngestionPipelineProps) validateAlarms(report report, store storeCapabilities) {
	a := p.Alarms
	if a == nil {
		return
	}
	topic := len(a.Emails) > 0 || a.TopicARN != ""
	switch {
	case a.Off && (a.NothingFor != 0 || topic):
		report("Alarms.Off", "excludes the other fields of Alarms: leave Off out, or them")
		return
	case topic && !store.own:
		report("Alarms", "Emails and TopicARN belong to a feed with a store of its own: give them to StoreProps.Alarms")
	case store.own:
		a.store().validate(report)
	}
	if !a.Off && !topic && (store.own || !store.alarms) {
		where := "set StoreProps.Alarms, or StoreNames.AlarmTopicARN for an imported one that has it"
		if store.own {
			where = "give Emails or TopicARN"
		}
		report("Alarms", "has no topic to notify: %s", where)
	}
	if h := a.NothingFor; h < 0 || h > 7*24*time.Hour || h%time.Hour != 0 {
		report("Alarms.NothingFor", "%s is not a number of whole hours from 1h0m0s to 168h0m0s: CloudWatch looks back 7 days at most", h)
	}
}

// alarms returns the feed's alarms, and whether it has any.
func (p IngestionPipelineProps) alarms(store *Store) (AlarmProps, bool) {
	var a AlarmProps
	if p.Alarms != nil {
		a = *p.Alarms
	}
	return a, store.AlarmTopic != nil && !a.Off
}

// metrics are the metrics that the functions emit.
func (p IngestionPipelineProps) metrics(alarms bool) []string {
	var names []string
	if alarms || p.Metrics {
		names = append(names, feed.MetricErrors, feed.MetricQuarantined)
	}
	if p.Metrics {
		names = append(names, feed.MetricUploads, feed.MetricRecords, feed.MetricStored, feed.MetricBytesIn, feed.MetricSeconds)
	}
	return names
}

// addAlarms makes the feed's alarms.
func (p *IngestionPipeline) addAlarms(a AlarmProps) {
	name := p.Spec.Feed
	own := append(alarm.Dimension(feed.MetricStore, &p.Store.names.table), alarm.Dimension(feed.MetricFeed, &name)...)
	add := func(id string, c alarm.Config) {
		c.TopicARN = p.Store.names.alarmTopicARN
		p.Alarms = append(p.Alarms, alarm.New(p.Construct, id, c))
	}
	add("FailedEvents", alarm.Config{
		Namespace: "AWS/SQS", Metric: "ApproximateNumberOfMessagesVisible", Dimensions: alarm.Dimension("QueueName", p.FailureQueue.QueueName()), Statistic: "Maximum", Periods: 1, NotifyOK: true,
		Description: fmt.Sprintf("Feed %s: events that failed three times, or waited for six hours, are in the failure queue, which keeps them for 14 days. The errors: bin/ingest status %[1]s. When the cause is fixed: bin/ingest replay %[1]s", name),
	})
	add(feed.MetricQuarantined, alarm.Config{
		Namespace: feed.MetricNamespace, Metric: feed.MetricQuarantined, Dimensions: own, Statistic: "Sum", Periods: 1,
		Description: fmt.Sprintf("Feed %s: records could not be loaded and are in quarantine, whole. Which, and why: bin/ingest quarantine %[1]s. Files of which no record could be loaded: bin/ingest status %[1]s --state rejected. When the cause is fixed: bin/ingest replay %[1]s", name),
	})
	// AWS/Lambda counts timeouts and exhausted memory of unpack too, of which the process
	// can emit nothing. Load, which serves other feeds too, emits the feed's failed parts.
	errors := []alarm.Config{
		{Namespace: "AWS/Lambda", Metric: "Errors", Dimensions: alarm.Dimension("FunctionName", jsii.String(p.unpack.Name()))},
		{Namespace: feed.MetricNamespace, Metric: feed.MetricErrors, Dimensions: own},
	}
	add(feed.MetricErrors, alarm.Config{
		Metric: feed.MetricErrors, SumOf: errors, Statistic: "Sum", Periods: 1,
		Description: fmt.Sprintf("Feed %s: an invocation of unpack failed, timed out or ran out of memory, or load failed on a part. Both are retried; nothing is lost. If it continues: bin/ingest doctor %[1]s, and bin/ingest status %[1]s", name),
	})
	add("Throttles", alarm.Config{
		Namespace: "AWS/Lambda", Metric: "Throttles", Dimensions: alarm.Dimension("FunctionName", jsii.String(p.unpack.Name())), Statistic: "Sum", Periods: 3, NotifyOK: true,
		Description: fmt.Sprintf("Feed %s: for 15 minutes unpack has found no free concurrency, of its own (Unpack.MaxConcurrency) or of the account. Events wait for six hours, then they are in the failure queue. The backlog: bin/ingest status %[1]s", name),
	})
	if a.NothingFor > 0 {
		add("NothingArrived", alarm.Config{
			Namespace: "AWS/Lambda", Metric: "Invocations", Dimensions: alarm.Dimension("FunctionName", jsii.String(p.unpack.Name())), Statistic: "Sum",
			Period: time.Hour, Periods: int(a.NothingFor / time.Hour), Below: true, NotifyOK: true,
			Description: fmt.Sprintf("Feed %s: no file has arrived for %s. Whether the sender or the configuration is the cause: bin/ingest doctor %[1]s", name, hours(a.NothingFor)),
		})
	}
}

// addAlarms makes the alarms of load.
func (s *Store) addAlarms(this core.Construct) {
	function := alarm.Dimension("FunctionName", &s.names.loadName)
	add := func(id string, c alarm.Config) {
		c.Namespace, c.Dimensions, c.Statistic, c.TopicARN = "AWS/Lambda", function, "Sum", s.names.alarmTopicARN
		s.Alarms = append(s.Alarms, alarm.New(this, id, c))
	}
	add("LoadErrors", alarm.Config{
		Metric: "Errors", Periods: 1,
		Description: "An invocation of load failed, timed out or ran out of memory. Lambda retries it twice, and the parts wait in the table; nothing is lost. They are loaded with the next file of any feed, or by bin/ingest replay",
	})
	add("LoadThrottles", alarm.Config{
		Metric: "Throttles", Periods: 3, NotifyOK: true,
		Description: "For 15 minutes load has found no free concurrency, of its own (Load.MaxConcurrency) or of the account. The parts wait in the table: bin/ingest list",
	})
}

func hours(d time.Duration) string { return fmt.Sprintf("%d h", d/time.Hour) }

// checkable reports whether the feed has a pipe that a function can check.
func (p IngestionPipelineProps) checkable() bool {
	return p.connection() != nil && p.Snowflake.spec(p.spec()).Load == snowflake.Continuous
}
