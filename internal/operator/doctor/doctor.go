// Package doctor looks at everything that a feed's files pass on their way, and
// says of each what it has seen and, where it is wrong, how to mend it. It
// changes nothing.
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
)

// State is what came of a check.
type State string

// The states of a finding.
const (
	Pass State = "pass"
	// Warn is what works and will not for long, or is unusual.
	Warn State = "warn"
	Fail State = "fail"
	// Unknown is what could not be looked at, most often for want of a right.
	Unknown State = "unknown"
)

// Finding is one thing that was looked at.
type Finding struct {
	// Area is the part of the feed: Stack, Functions, Source, Failures, Queues,
	// Landing, Table, Alarms, Snowflake.
	Area  string `json:"area"`
	Check string `json:"check"`
	State State  `json:"state"`
	// Seen is what was found, in words.
	Seen string `json:"seen"`
	// Mend is what to do about it; empty for a pass.
	Mend string `json:"mend,omitempty"`
}

// Report is everything that was looked at, in the order of a file's way.
type Report struct {
	Feed     string    `json:"feed"`
	Stack    string    `json:"stack"`
	Findings []Finding `json:"findings"`
}

// Count is how many findings have a state.
func (r Report) Count(s State) int {
	n := 0
	for _, f := range r.Findings {
		if f.State == s {
			n++
		}
	}
	return n
}

// check looks at one part. It is left out for a feed that has no such part.
type check struct {
	area string
	has  func(*exam) bool
	look func(context.Context, *exam)
}

func always(*exam) bool { return true }

// checks in the order of a file's way. The first learn what the others need.
var checks = []check{
	{"Stack", always, stackState},
	{"Stack", always, stackOutputs},
	{"Functions", always, functions},
	{"Source", always, sources},
	{"Queues", (*exam).queued, queues},
	{"Failures", always, failures},
	{"Landing", always, landing},
	{"Table", always, table},
	{"Table", (*exam).fromTable, changes},
	{"Alarms", always, alarms},
	{"Snowflake", (*exam).snowflake, role},
	{"Snowflake", (*exam).snowflake, login},
	{"Snowflake", (*exam).loggedIn, integration},
	{"Snowflake", (*exam).loggedIn, objects},
	{"Snowflake", (*exam).loggedIn, pipe},
	{"Snowflake", (*exam).loggedIn, task},
	{"Snowflake", (*exam).loggedIn, externalTable},
	{"Snowflake", (*exam).loggedIn, copies},
}

// Run looks at everything. The error is ctx's: whatever else goes wrong is a finding.
func Run(ctx context.Context, p Patient) (Report, error) {
	x := &exam{Patient: p, report: Report{Feed: p.Live.Name, Stack: p.Live.Stack}}
	defer x.close()
	for _, c := range checks {
		if err := ctx.Err(); err != nil {
			return x.report, err
		}
		if c.has(x) {
			x.area = c.area
			c.look(ctx, x)
		}
	}
	return x.report, ctx.Err()
}

// add enters a finding.
func (x *exam) add(s State, name, mend, seen string, args ...any) {
	if len(args) > 0 {
		seen = fmt.Sprintf(seen, args...)
	}
	x.report.Findings = append(x.report.Findings, Finding{
		Area: x.area, Check: name, State: s, Seen: strings.Join(strings.Fields(seen), " "), Mend: mend,
	})
}

func (x *exam) pass(name, seen string, args ...any) { x.add(Pass, name, "", seen, args...) }

func (x *exam) fail(name, mend, seen string, args ...any) { x.add(Fail, name, mend, seen, args...) }

func (x *exam) warn(name, mend, seen string, args ...any) { x.add(Warn, name, mend, seen, args...) }

// failed enters what could not be looked at. action is the right that it takes.
func (x *exam) failed(name string, err error, action string) {
	if denied(err) {
		x.add(Unknown, name, "allow these credentials "+action, "not allowed to look")
		return
	}
	x.add(Unknown, name, "run the command again; if it stays, "+action+" is what failed", "%v", err)
}

// moment is a time that a service tells of as all the command's times are, and
// any other text as it is.
func moment(text string) string {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999-0700"} { // the second is Lambda's
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Format(time.DateTime)
		}
	}
	return text
}

// denied tells an error for want of a right. The services have a code each.
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

// missing tells an error for something that does not exist.
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
