package metrics_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/functions/metrics"
)

func TestEmit(t *testing.T) {
	var out bytes.Buffer
	e := metrics.New(&out, feed.MetricErrors+", "+feed.MetricBytesIn+","+feed.MetricQuarantined+","+feed.MetricUploads, "table", "orders")
	before := time.Now().UnixMilli()
	e.Emit(metrics.Values{feed.MetricErrors: 0, feed.MetricBytesIn: 5 << 40, feed.MetricUploads: 0, feed.MetricSeconds: 3})
	var got struct {
		AWS struct {
			Timestamp         int64
			CloudWatchMetrics json.RawMessage
		} `json:"_aws"`
		Store, Feed string
		BytesIn     int64
		Uploads     *int64
		Errors      *int64
		Seconds     *float64
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	const want = `[{"Namespace":"Ingestion","Dimensions":[["Store","Feed"]],"Metrics":[{"Name":"BytesIn","Unit":"Bytes"},{"Name":"Uploads","Unit":"Count"}]}]`
	if string(got.AWS.CloudWatchMetrics) != want {
		t.Errorf("directive %s, want %s", got.AWS.CloudWatchMetrics, want)
	}
	if got.Store != "table" || got.Feed != "orders" || got.BytesIn != 5<<40 || got.Uploads == nil || got.Errors != nil || got.Seconds != nil || got.AWS.Timestamp < before {
		t.Errorf("line %s", out.Bytes())
	}
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("not one line: %q", out.String())
	}
	out.Reset()
	e.Emit(metrics.Values{feed.MetricErrors: 0, feed.MetricStored: 7, feed.MetricQuarantined: 0})
	if out.Len() != 0 {
		t.Errorf("what nobody wants was emitted: %s", out.Bytes())
	}
	e.Emit(metrics.Values{feed.MetricQuarantined: 2})
	if !strings.Contains(out.String(), `"Quarantined":2`) {
		t.Errorf("line %s", out.Bytes())
	}
}

func TestNothingIsEmittedUnlessAsked(t *testing.T) {
	var out bytes.Buffer
	metrics.New(&out, "", "table", "orders").Emit(metrics.Values{feed.MetricErrors: 1})
	var none *metrics.Emitter
	none.Emit(metrics.Values{feed.MetricErrors: 1})
	if out.Len() != 0 {
		t.Errorf("emitted %s", out.Bytes())
	}
}
