package estimate

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"example.com/ingestion/feed"
)

// Types of resources with a cost when idle.
const (
	typeAlarm     = "AWS::CloudWatch::Alarm"
	typeComposite = "AWS::CloudWatch::CompositeAlarm"
	typeDashboard = "AWS::CloudWatch::Dashboard"
	typeKey       = "AWS::KMS::Key"
	typeSecret    = "AWS::SecretsManager::Secret"
	typeMapping   = "AWS::Lambda::EventSourceMapping"
	typeQueue     = "AWS::SQS::Queue"
	typeRule      = "AWS::Events::Rule"
	typeFunction  = "AWS::Lambda::Function"
)

// idle adds the cost of the resources when idle.
func (s *sheet) idle(resources []Resource, load Workload) {
	byID := map[string]Resource{}
	count := map[string]float64{}
	for _, r := range resources {
		byID[r.id] = r
		count[r.Type]++
	}
	var metrics float64
	var polled []string
	for _, r := range resources {
		switch r.Type {
		case typeAlarm:
			metrics += alarmMetrics(r)
		case typeMapping:
			var p struct{ EventSourceArn json.RawMessage }
			r.read(&p)
			if queue := refers(p.EventSourceArn); byID[queue].Type == typeQueue {
				polled = append(polled, queue)
			}
		}
	}
	s.add(Idle, "cloudwatch_alarm_metric", metrics, "metrics of %g alarms", count[typeAlarm])
	s.add(Idle, "cloudwatch_composite_alarm", count[typeComposite], "composite alarms")
	s.add(Idle, "cloudwatch_dashboard", count[typeDashboard], "dashboards")
	s.add(Idle, "kms_key", count[typeKey], "keys")
	s.add(Idle, "secret", count[typeSecret], "secrets")
	if len(polled) > 0 {
		polls := s.value("polls_per_queue") * s.value("seconds_per_month") / s.value("poll_seconds")
		s.add(Idle, "sqs_request", float64(len(polled))*polls, "polling of the queues %s", strings.Join(polled, ", "))
	}
	for _, r := range resources {
		if r.Type == typeRule {
			s.schedule(r, byID, load)
		}
	}
}

// alarmMetrics returns the number of metrics of an alarm, each of which is charged.
func alarmMetrics(r Resource) float64 {
	var p struct {
		MetricName string
		Metrics    []struct{ MetricStat json.RawMessage }
	}
	r.read(&p)
	if p.MetricName != "" {
		return 1
	}
	n := 0.0
	for _, m := range p.Metrics {
		if len(m.MetricStat) > 0 { // the others are expressions
			n++
		}
	}
	return n
}

// schedule adds the scheduled runs of a function, and the LIST requests of discover.
func (s *sheet) schedule(r Resource, byID map[string]Resource, load Workload) {
	var p struct {
		ScheduleExpression string
		Targets            []struct{ Arn json.RawMessage }
	}
	r.read(&p)
	if p.ScheduleExpression == "" {
		return
	}
	every, ok := rate(p.ScheduleExpression)
	if !ok {
		s.leaveOut(fmt.Sprintf("the schedule %q of %s", p.ScheduleExpression, r.id))
		return
	}
	runs := s.value("seconds_per_month") / every.Seconds()
	for _, target := range p.Targets {
		f, ok := byID[refers(target.Arn)]
		if !ok || f.Type != typeFunction {
			continue
		}
		fn := newFunction(f)
		s.add(Idle, "lambda_request", runs, "%s, %s", f.id, p.ScheduleExpression)
		s.add(Idle, fn.price(), runs*s.value("scheduled_run_seconds")*fn.gb(), "%s, %s", f.id, p.ScheduleExpression)
		if fn.lists() {
			lists := math.Ceil(float64(max(load.Objects, 1)) / s.value("objects_per_list"))
			s.add(Idle, "s3_put", runs*lists, "listing %d objects, %s", load.Objects, p.ScheduleExpression)
		}
	}
}

// rate parses a schedule expression such as rate(5 minutes).
func rate(expression string) (time.Duration, bool) {
	inner, ok := strings.CutPrefix(expression, "rate(")
	number, unit, both := strings.Cut(strings.TrimSuffix(inner, ")"), " ")
	n, err := strconv.Atoi(number)
	if !ok || !both || err != nil || n < 1 {
		return 0, false
	}
	for name, d := range map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour} {
		if strings.TrimSuffix(unit, "s") == name {
			return time.Duration(n) * d, true
		}
	}
	return 0, false
}

// function is a function of a template.
type function struct {
	id            string
	MemorySize    float64
	Architectures []string
	Environment   struct{ Variables map[string]json.RawMessage }
}

// defaultMemoryMB is the memory of a function whose template does not set it.
const defaultMemoryMB = 128

func newFunction(r Resource) function {
	f := function{id: r.id, MemorySize: defaultMemoryMB}
	r.read(&f)
	return f
}

func (f function) gb() float64 { return f.MemorySize / 1024 }

func (f function) price() string {
	if len(f.Architectures) > 0 && f.Architectures[0] == "arm64" {
		return "lambda_gb_second_arm64"
	}
	return "lambda_gb_second_x86_64"
}

// lists reports whether it is discover, the function that dispatches to unpack.
func (f function) lists() bool { return f.has(feed.EnvUnpackFunction) }

func (f function) has(variable string) bool {
	_, ok := f.Environment.Variables[variable]
	return ok
}

// text returns the value of a variable, empty if the template has a token instead.
func (f function) text(variable string) string {
	var s string
	if json.Unmarshal(f.Environment.Variables[variable], &s) != nil {
		return ""
	}
	return s
}
