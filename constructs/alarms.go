package constructs

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// StoreAlarmProps say who is told when something goes wrong with a feed.
type StoreAlarmProps struct {
	// Emails are subscribed to the topic; each gets a mail to confirm.
	Emails []string
	// TopicARN is an SNS topic that is there, instead of one of the store's own.
	// Its policy must let cloudwatch.amazonaws.com publish.
	TopicARN string
}

// AlarmProps set the alarms of one feed. Every feed of a store with an alarm
// topic has four, at $0.10 a month each: events waiting in the failure queue,
// quarantined records, failed invocations, and load throttled for a quarter of
// an hour. With Continuous and a Connection, Snowpipe is looked at every four hours.
type AlarmProps struct {
	// Off leaves all of them out.
	Off bool
	// NothingFor is one alarm more: nothing arrived for that long, in whole hours
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
	if !isToken(p.TopicARN) && !topicARN.MatchString(p.TopicARN) {
		report("Alarms.TopicARN", "%q is not the ARN of an SNS topic", p.TopicARN)
	}
	if len(p.Emails) > 0 {
		report("Alarms.Emails", "%q are to be subscribed by whoever owns the topic %q: leave one of the two out", p.Emails, p.TopicARN)
	}
}

// validateAlarms reports what is wrong with the alarms of a feed.
func (p IngestionPipelineProps) validateAlarms(report report, store storeOffers) {
	a := p.Alarms
	if a == nil {
		return
	}
	topic := len(a.Emails) > 0 || a.TopicARN != ""
	switch {
	case a.Off && (a.NothingFor != 0 || topic):
		report("Alarms.Off", "leaves out what else Alarms has: leave Off out to have it")
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
		report("Alarms", "has no topic to tell: %s", where)
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

// metrics returns the value of feed.EnvMetrics.
func (p IngestionPipelineProps) metrics(alarms bool) string {
	var names []string
	if alarms || p.Metrics {
		names = append(names, feed.MetricErrors, feed.MetricQuarantined)
	}
	if p.Metrics {
		names = append(names, feed.MetricUploads, feed.MetricRecords, feed.MetricStored, feed.MetricBytesIn, feed.MetricSeconds)
	}
	return strings.Join(names, ",")
}

// alarm is one alarm of a feed: it goes off when the statistic of the metric has
// been above 0 in each of so many periods.
type alarm struct {
	id, namespace, metric string
	dimensions            []any
	statistic             string
	description           string
	// period is 5 minutes unless given.
	period  time.Duration
	periods int
	below   bool // goes off below 1 instead of above 0, and when there is no data
	// over says that the end of it is told too.
	over bool
}

func (p *IngestionPipeline) addAlarms(a AlarmProps) {
	name := p.Spec.Feed
	own := append(dimension(feed.MetricStore, &p.Store.names.table), dimension(feed.MetricFeed, &name)...)
	alarms := []alarm{
		{
			id: "FailedEvents", namespace: "AWS/SQS", metric: "ApproximateNumberOfMessagesVisible", dimensions: dimension("QueueName", p.FailureQueue.QueueName()), statistic: "Maximum", periods: 1, over: true,
			description: fmt.Sprintf("Feed %s: events that failed three times, or waited for six hours, are in the failure queue, which keeps them for 14 days. What went wrong: bin/ingest status %[1]s. When it is mended: bin/ingest replay %[1]s", name),
		},
		{
			id: feed.MetricQuarantined, namespace: feed.MetricNamespace, metric: feed.MetricQuarantined, dimensions: own, statistic: "Sum", periods: 1,
			description: fmt.Sprintf("Feed %s: records could not be loaded and are in quarantine, whole. Which, and why: bin/ingest quarantine %[1]s. When the cause is mended: bin/ingest replay %[1]s", name),
		},
		{
			id: feed.MetricErrors, namespace: feed.MetricNamespace, metric: feed.MetricErrors, dimensions: own, statistic: "Sum", periods: 1,
			description: fmt.Sprintf("Feed %s: an invocation of unpack or load failed. It is repeated twice; nothing is lost. If it goes on: bin/ingest doctor %[1]s, and bin/ingest status %[1]s", name),
		},
		{
			id: "Throttles", namespace: "AWS/Lambda", metric: "Throttles", dimensions: dimension("FunctionName", jsii.String(p.load.name())), statistic: "Sum", periods: 3, over: true,
			description: fmt.Sprintf("Feed %s: for 15 minutes load has found no free concurrency, of its own (Load.MaxConcurrency) or of the account. Events wait for six hours, then they are in the failure queue. How far behind it is: bin/ingest status %[1]s", name),
		},
	}
	if a.NothingFor > 0 {
		alarms = append(alarms, alarm{
			id: "NothingArrived", namespace: "AWS/Lambda", metric: "Invocations", dimensions: dimension("FunctionName", jsii.String(p.unpack.name())), statistic: "Sum",
			period: time.Hour, periods: int(a.NothingFor / time.Hour), below: true, over: true,
			description: fmt.Sprintf("Feed %s: no file has arrived for %s. Whether it is the sender or the wiring: bin/ingest doctor %[1]s", name, hours(a.NothingFor)),
		})
	}
	for _, alarm := range alarms {
		alarm.make(p.Construct, p.Store.names.alarmTopicARN)
	}
}

func dimension(name string, value *string) []any {
	return []any{&awscloudwatch.CfnAlarm_DimensionProperty{Name: &name, Value: value}}
}

func hours(d time.Duration) string { return fmt.Sprintf("%d h", d/time.Hour) }

// make makes the alarm, as a level-1 resource: there may be hundreds.
func (a alarm) make(scope core.Construct, topicARN string) {
	period := a.period
	if period == 0 {
		period = 5 * time.Minute
	}
	props := &awscloudwatch.CfnAlarmProps{
		AlarmDescription:   &a.description,
		Namespace:          &a.namespace,
		MetricName:         &a.metric,
		Dimensions:         a.dimensions,
		Statistic:          &a.statistic,
		Period:             jsii.Number(period.Seconds()),
		EvaluationPeriods:  jsii.Number(a.periods),
		Threshold:          jsii.Number(0),
		ComparisonOperator: jsii.String("GreaterThanThreshold"),
		TreatMissingData:   jsii.String("notBreaching"),
		AlarmActions:       &[]any{topicARN},
	}
	if a.below {
		props.Threshold, props.ComparisonOperator, props.TreatMissingData = jsii.Number(1), jsii.String("LessThanThreshold"), jsii.String("breaching")
	}
	if a.over {
		props.OkActions = &[]any{topicARN}
	}
	awscloudwatch.NewCfnAlarm(scope, &a.id, props)
}

// watched reports whether the feed has a pipe that the deployment can look at.
func (p IngestionPipelineProps) watched() bool {
	return p.connection() != nil && p.Snowflake.spec(p.spec()).Load == snowflake.Continuous
}
