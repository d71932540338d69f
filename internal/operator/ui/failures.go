package ui

import (
	"context"
	"errors"
	"strings"
	"time"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/replay"
	"example.com/ingestion/internal/store/ledger"
)

// failuresInterval is the interval between two reads of a failure queue whose number of
// events has not changed. To read a message hides it from other readers for a moment.
const failuresInterval = time.Minute

// unread is the count of events that are to be read again.
const unread = -1

// failedEvents are the events of a failure queue that were read last.
type failedEvents struct {
	problems []Problem
	count    int64 // of events in the queue at that time
	at       time.Time
	reading  bool
}

// failed returns the failed events of a feed that are known. It starts to read them
// when their number has changed.
func (a *AccountSource) failed(ctx context.Context, f operator.Feed, n int64, command string) []Problem {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.failures[f.String()]
	if known == nil {
		known = &failedEvents{}
		a.failures[f.String()] = known
	}
	if !known.reading && (known.count != n || time.Since(known.at) > failuresInterval) {
		known.reading = true
		go a.readFailed(ctx, f, n, command)
	}
	return append([]Problem{}, known.problems...)
}

func (a *AccountSource) readFailed(ctx context.Context, f operator.Feed, n int64, command string) {
	uploads := ledger.New(a.dynamo, f.Output("Table"))
	r := replay.Replay{
		Feed: f.Name, Ledger: uploads, Queue: a.sqs, FailureQueueURL: f.Output("FailureQueueUrl"),
		UnpackFunction: f.Output("UnpackFunction"), LoadFunction: f.Output("LoadFunction"),
	}
	var problems []Problem
	events, partsErr := r.PartsSetAside(ctx)
	queued, err := r.Peek(ctx)
	events, err = append(events, queued...), errors.Join(partsErr, err)
	for _, e := range events[:min(len(events), maxProblems)] {
		problems = append(problems, failedEvent(ctx, uploads, f.Name, e, command))
	}
	if err != nil {
		problems = append(problems, Problem{File: "failed events", Error: operator.Explain(err), Command: "ingest replay " + command + " --dry-run"})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(problems) == 0 {
		n = unread // another reader has received the events
	}
	a.failures[f.String()] = &failedEvents{problems: problems, count: n, at: time.Now()}
}

// failedEvent describes a failed event. The file of an event that names only its upload
// is read from the ledger.
func failedEvent(ctx context.Context, uploads *ledger.Ledger, feedName string, e replay.Event, command string) Problem {
	p := Problem{Time: e.Time, File: strings.Join(e.Objects, " "), Function: string(e.Target), Error: e.Error, Command: "ingest logs " + command + " --since 7d"}
	if p.Error == "" {
		p.Error = "the event does not contain the error"
	}
	if e.Upload == "" {
		return p
	}
	u, ok, err := uploads.GetUpload(ctx, feedName, e.Upload)
	if ok && err == nil {
		p.File, p.Upload, p.Command = u.Source(), u.ID, "ingest status "+command+" "+u.ID
	} else if p.File == "" {
		p.File = "upload " + e.Upload
	}
	if e.Part != "" {
		p.File += ", part " + e.Part
	}
	return p
}
