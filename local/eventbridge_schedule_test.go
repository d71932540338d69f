package local

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// scheduled invokes the function once an hour, by a rule and by a schedule. The
// schedule begins at once, the rule after its first hour.
const scheduled = `{
	"Hourly": {"Type": "AWS::Events::Rule", "Properties": {
		"ScheduleExpression": "rate(1 hour)", "State": "ENABLED",
		"Targets": [{"Id": "Target0", "Arn": {"Fn::GetAtt": ["Function", "Arn"]}, "Input": "{\"scheduled\":\"rule\"}"}]}},
	"HourlyPermission": {"Type": "AWS::Lambda::Permission", "Properties": {
		"Action": "lambda:InvokeFunction", "FunctionName": {"Fn::GetAtt": ["Function", "Arn"]},
		"Principal": "events.amazonaws.com", "SourceArn": {"Fn::GetAtt": ["Hourly", "Arn"]}}},
	"SchedulerRole": {"Type": "AWS::IAM::Role", "Properties": {
		"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"},
			"Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}, "aws:SourceArn": {"Fn::Sub": "arn:aws:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/default"}}}}]},
		"Policies": [{"PolicyName": "invoke", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
			"Action": "lambda:InvokeFunction", "Effect": "Allow", "Resource": [{"Fn::GetAtt": ["Function", "Arn"]}, {"Fn::Sub": "${Function.Arn}:*"}]}]}}]}},
	"Schedule": {"Type": "AWS::Scheduler::Schedule", "Properties": {
		"ScheduleExpression": "rate(1 hour)", "ScheduleExpressionTimezone": "Etc/UTC", "FlexibleTimeWindow": {"Mode": "OFF"},
		"Target": {"Arn": {"Fn::GetAtt": ["Function", "Arn"]}, "RoleArn": {"Fn::GetAtt": ["SchedulerRole", "Arn"]},
			"Input": "{\"scheduled\":\"schedule\"}", "RetryPolicy": {"MaximumRetryAttempts": 2}}}}
}`

func TestSchedulesFire(t *testing.T) {
	f := newFixture(t)
	f.uploadCode()
	f.create("Feed", f.template(f.with(scheduled)))
	f.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	table := f.outputs("Feed")["Table"]
	f.waitFor("the schedule to begin", func() bool { return f.received(table, "schedule") == "1" })
	if n := f.received(table, "rule"); n != "" {
		t.Errorf("the rule fired %s times before its hour was over", n)
	}
	for range 2 {
		if err := f.env.FireSchedules(t.Context(), "Feed"); err != nil {
			t.Fatal(err)
		}
		f.idle()
	}
	if rule, schedule := f.received(table, "rule"), f.received(table, "schedule"); rule != "2" || schedule != "3" {
		t.Errorf("fired twice: the rule fired %q times, the schedule, which also fired at its start, %q", rule, schedule)
	}

	// A schedule that may not invoke its target is an error; a disabled one does not fire.
	f.update("Feed", f.template(func(r map[string]any) {
		f.with(scheduled)(r)
		delete(r, "HourlyPermission")
		delete(at(r, "SchedulerRole", "Properties"), "Policies")
	}))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	err := f.env.FireSchedules(t.Context(), "Feed")
	if err == nil || !strings.Contains(err.Error(), "does not allow events.amazonaws.com") || !strings.Contains(err.Error(), "no policy of") {
		t.Errorf("without permissions: %v", err)
	}
	f.update("Feed", f.template(func(r map[string]any) {
		f.with(scheduled)(r)
		at(r, "Hourly", "Properties")["State"] = "DISABLED"
		at(r, "Schedule", "Properties")["State"] = "DISABLED"
	}))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	if err := f.env.FireSchedules(t.Context(), "Feed"); err == nil || !strings.Contains(err.Error(), "no enabled schedule") {
		t.Errorf("disabled schedules: %v", err)
	}
	f.update("Feed", f.template(unchanged))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	if err := f.env.FireSchedules(t.Context(), "Elsewhere"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a stack that does not exist: %v", err)
	}
}

// waitFor polls until a condition is true, for up to 20 seconds.
func (f *fixture) waitFor(what string, done func() bool) {
	f.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatalf("timed out waiting for %s", what)
		}
	}
}

// TestScheduleExpressions evaluates schedule expressions at given times: to wait until
// they are due would take hours.
func TestScheduleExpressions(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Python")
	}
	const script = `
import json, sys
from datetime import datetime
from eventbridge.schedule_expressions import parse
for text, zone, beginning, last, now in json.load(sys.stdin):
    try:
        print(parse(text, zone).due(*map(datetime.fromisoformat, (beginning, last, now))))
    except ValueError as error:
        print(error)`
	const begun = "2026-01-01T10:00:30+00:00"
	cases := []struct{ text, zone, last, now, want string }{
		{"rate(1 minute)", "UTC", "2026-01-01T10:01:29+00:00", "2026-01-01T10:01:30+00:00", "True"},
		{"rate(1 minute)", "UTC", "2026-01-01T10:01:30+00:00", "2026-01-01T10:02:29+00:00", "False"},
		{"rate(2 hours)", "UTC", "2026-01-01T11:00:29+00:00", "2026-01-01T11:00:31+00:00", "False"},
		{"rate(2 days)", "UTC", "2026-01-03T10:00:29+00:00", "2026-01-03T10:00:30+00:00", "True"},
		{"rate(0 minutes)", "UTC", begun, begun, "rate(0 minutes): the local EventBridge supports rate(number unit) and cron(six fields)"},
		{"cron(0/15 * * * ? *)", "UTC", "2026-01-01T10:44:59+00:00", "2026-01-01T10:45:00+00:00", "True"},
		{"cron(0/15 * * * ? *)", "UTC", "2026-01-01T10:45:00+00:00", "2026-01-01T10:45:01+00:00", "False"},
		{"cron(30 6 ? * MON-FRI *)", "UTC", "2026-01-02T06:29:00+00:00", "2026-01-02T06:31:00+00:00", "True"},
		{"cron(30 6 ? * MON-FRI *)", "UTC", "2026-01-03T06:29:00+00:00", "2026-01-03T06:31:00+00:00", "False"},
		{"cron(30 6 ? * 1,7 *)", "UTC", "2026-01-03T06:29:00+00:00", "2026-01-03T06:31:00+00:00", "True"},
		{"cron(0 8 1 7 ? *)", "Europe/Berlin", "2026-07-01T05:59:59+00:00", "2026-07-01T06:00:00+00:00", "True"},
		{"cron(0 8 1 7 ? *)", "UTC", "2026-07-01T05:59:59+00:00", "2026-07-01T06:00:00+00:00", "False"},
		{"cron(0 8 L * ? *)", "UTC", begun, begun, "cron: day of month L: the local EventBridge supports numbers, names, *, ?, commas, ranges and steps"},
		{"cron(0 24 * * ? *)", "UTC", begun, begun, "cron: hours 24: values are from 0 to 23, in ascending order"},
	}
	var arguments [][]string
	for _, tc := range cases {
		arguments = append(arguments, []string{tc.text, tc.zone, begun, tc.last, tc.now})
	}
	input, err := json.Marshal(arguments)
	if err != nil {
		t.Fatal(err)
	}
	python, err := findPython(t.Context(), Options{Repo: "..", Venv: "../.venv", Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", script)
	cmd.Env = append(serverEnviron(), "PYTHONPATH=aws")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(cases) {
		t.Fatalf("%d results of %d cases: %q", len(lines), len(cases), lines)
	}
	for i, tc := range cases {
		if lines[i] != tc.want {
			t.Errorf("%s (%s) from %s to %s: %s, want %s", tc.text, tc.zone, tc.last, tc.now, lines[i], tc.want)
		}
	}
}
