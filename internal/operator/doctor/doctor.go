// Package doctor checks the resources that process a feed's files, in AWS and in
// Snowflake, and reports what it found and, if that is wrong, the remedy. It changes
// nothing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"example.com/ingestion/internal/operator"
)

// State is the result of a check.
type State string

// The states of a finding.
const (
	Pass State = "pass"
	// Warn is for what works, but is unusual or will fail soon.
	Warn State = "warn"
	Fail State = "fail"
	// Unknown is for what could not be checked, most often because a permission is
	// missing.
	Unknown State = "unknown"
)

// Finding is the result of one check.
type Finding struct {
	// Area is the part of the feed: Stack, Functions, Source, Failures, Queues,
	// Landing, Table, Alarms, Snowflake.
	Area  string `json:"area"`
	Check string `json:"check"`
	State State  `json:"state"`
	// Detail describes what was found.
	Detail string `json:"detail"`
	// Remedy is how to fix it; empty for a pass.
	Remedy string `json:"remedy,omitempty"`
}

// Report lists the findings, in the order in which a file is processed.
type Report struct {
	Feed     string    `json:"feed"`
	Stack    string    `json:"stack"`
	Findings []Finding `json:"findings"`
}

// Count returns the number of findings with a state.
func (r Report) Count(s State) int {
	n := 0
	for _, f := range r.Findings {
		if f.State == s {
			n++
		}
	}
	return n
}

// check is a check of one area, for feeds to which it applies.
type check struct {
	area    string
	applies func(*doctor) bool
	run     func(context.Context, *doctor)
}

func always(*doctor) bool { return true }

// checks are in the order in which a file is processed. Later checks use the results of
// earlier ones.
var checks = []check{
	{"Stack", always, stackState},
	{"Stack", always, stackOutputs},
	{"Functions", always, functions},
	{"Source", always, sources},
	{"Source", always, ignored},
	{"Failures", always, failures},
	{"Failures", always, parts},
	{"Landing", always, landing},
	{"Table", always, table},
	{"Table", (*doctor).fromTable, changes},
	{"Alarms", always, alarms},
	{"Snowflake", (*doctor).snowflake, role},
	{"Snowflake", (*doctor).snowflake, login},
	{"Snowflake", (*doctor).loggedIn, integration},
	{"Snowflake", (*doctor).loggedIn, objects},
	{"Snowflake", (*doctor).loggedIn, pipe},
	{"Snowflake", (*doctor).loggedIn, task},
	{"Snowflake", (*doctor).loggedIn, externalTable},
	{"Snowflake", (*doctor).loggedIn, copies},
}

// Run runs all checks. The error is that of ctx: any other error is a finding.
func Run(ctx context.Context, c Clients) (Report, error) {
	d := &doctor{Clients: c, report: Report{Feed: c.Feed.Name, Stack: c.Feed.Stack}}
	defer d.close()
	for _, c := range checks {
		if err := ctx.Err(); err != nil {
			return d.report, err
		}
		if c.applies(d) {
			d.area = c.area
			c.run(ctx, d)
		}
	}
	return d.report, ctx.Err()
}

// add adds a finding.
func (d *doctor) add(s State, name, remedy, detail string, args ...any) {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	d.report.Findings = append(d.report.Findings, Finding{
		Area: d.area, Check: name, State: s, Detail: strings.Join(strings.Fields(detail), " "), Remedy: remedy,
	})
}

func (d *doctor) pass(name, detail string, args ...any) { d.add(Pass, name, "", detail, args...) }

func (d *doctor) fail(name, remedy, detail string, args ...any) {
	d.add(Fail, name, remedy, detail, args...)
}

func (d *doctor) warn(name, remedy, detail string, args ...any) {
	d.add(Warn, name, remedy, detail, args...)
}

// unknown adds a finding about a check that failed with an error. action is the
// permission that it needs.
func (d *doctor) unknown(name string, err error, action string) {
	if denied(err) {
		d.add(Unknown, name, "allow these credentials "+action, "the permission to check it is missing")
		return
	}
	d.add(Unknown, name, "run the command again; the request that failed is "+action, "%s", operator.Explain(err))
}

// moment formats a time from a service like all times of the command; any other text
// is returned unchanged.
func moment(text string) string {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999-0700"} { // the second is that of Lambda
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Format(time.DateTime)
		}
	}
	return text
}

// denied reports whether a permission is missing. Each service has its own error code.
func denied(err error) bool {
	var api smithy.APIError
	if errors.As(err, &api) {
		for _, code := range []string{"AccessDenied", "AuthorizationError", "Unauthorized", "Forbidden"} {
			if strings.Contains(api.ErrorCode(), code) {
				return true
			}
		}
	}
	return status(err) == http.StatusForbidden
}

// missing reports whether a resource does not exist.
func missing(err error) bool {
	var api smithy.APIError
	if errors.As(err, &api) {
		for _, code := range []string{"NotFound", "NoSuch", "NonExistent", "DoesNotExist"} {
			if strings.Contains(api.ErrorCode(), code) {
				return true
			}
		}
	}
	return status(err) == http.StatusNotFound
}

func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
