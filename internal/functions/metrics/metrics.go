// Package metrics emits the metrics of a feed to CloudWatch as log lines in the
// embedded metric format ("Specification: Embedded metric format"), which takes no
// request. It is not idempotent: every failed attempt counts as an error, while
// records are counted when an upload or part is finished, which a retry does once.
package metrics

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/feed"
)

// units has the units of the metrics that are not counts.
var units = map[string]string{feed.MetricBytesIn: "Bytes", feed.MetricSeconds: "Seconds"}

// onlyProblems are not emitted at zero: a custom metric costs while it is emitted.
var onlyProblems = []string{feed.MetricErrors, feed.MetricQuarantined}

// Emitter writes the metrics that are enabled. A nil Emitter writes none.
type Emitter struct {
	out         io.Writer
	names       []string
	store, feed string
	now         func() time.Time
}

// New returns the Emitter of a feed; names are as in feed.EnvMetrics.
func New(out io.Writer, names, store, feedName string) *Emitter {
	e := &Emitter{out: out, store: store, feed: feedName, now: time.Now}
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.TrimSpace(name); name != "" {
			e.names = append(e.names, name)
		}
	}
	return e
}

// Values are metrics by name.
type Values map[string]float64

type (
	header struct {
		Timestamp         int64       `json:"Timestamp"` // milliseconds since 1970
		CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
	}
	directive struct {
		Namespace  string       `json:"Namespace"`
		Dimensions [][]string   `json:"Dimensions"`
		Metrics    []definition `json:"Metrics"`
	}
	definition struct {
		Name string `json:"Name"`
		Unit string `json:"Unit"`
	}
)

// Emit writes one line with the values of enabled metrics, if there are any.
func (e *Emitter) Emit(values Values) {
	if e == nil {
		return
	}
	line := map[string]any{}
	d := directive{Namespace: feed.MetricNamespace, Dimensions: [][]string{{feed.MetricStore, feed.MetricFeed}}}
	for _, name := range e.names {
		value, ok := values[name]
		if !ok || value == 0 && slices.Contains(onlyProblems, name) {
			continue
		}
		unit := units[name]
		if unit == "" {
			unit = "Count"
		}
		d.Metrics = append(d.Metrics, definition{name, unit})
		line[name] = value
	}
	if len(d.Metrics) == 0 {
		return
	}
	line["_aws"] = header{e.now().UnixMilli(), []directive{d}}
	line[feed.MetricStore], line[feed.MetricFeed] = e.store, e.feed
	text, err := json.Marshal(line)
	if err != nil {
		return // infinite or not a number, which counts and durations are not
	}
	// One write, because the log has other writers. As for the log, there is no place
	// to report an error to.
	_, _ = e.out.Write(append(text, '\n'))
}
