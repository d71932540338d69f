// Package estimate estimates the cost of the feeds in synthesized templates: idle, per
// million records and per gigabyte. All prices and assumptions are in prices.json, none
// is in the code.
package estimate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Workload describes the files to process.
type Workload struct {
	// RecordBytes is the size of a record as JSON, FileBytes that of a decompressed
	// source object.
	RecordBytes, FileBytes int64
	// Objects is the number of objects in an external bucket, which is listed on a
	// schedule.
	Objects int64
}

// The default Workload.
const (
	DefaultRecordBytes = 500
	DefaultFileBytes   = 100_000_000
	DefaultObjects     = 1_000
)

// Estimate is the cost of one feed in US dollars. The cost of resources that feeds share
// has the feed name Shared.
type Estimate struct {
	Feed  string `json:"feed"`
	Stack string `json:"stack"`
	// Idle is the cost per month, independent of the workload.
	Idle float64 `json:"idle_usd_per_month"`
	// PerMillion is the cost per million records, PerGB per GB (10^9 bytes) of
	// decompressed records.
	PerMillion float64 `json:"usd_per_million_records"`
	PerGB      float64 `json:"usd_per_gb"`
	// Stored is the cost of a million records in the table per month.
	Stored float64 `json:"storage_usd_per_million_records_and_month"`
	// Metrics is the cost of the custom metrics in a month with files in every hour.
	Metrics float64 `json:"metrics_usd_per_month_in_use"`
	Lines   []Line  `json:"lines"`
	// NotCounted lists what the figures do not include.
	NotCounted []string `json:"not_counted,omitempty"`
	PriceDate  string   `json:"price_date"`
	Region     string   `json:"region"`
}

// Shared is the feed name for shared resources, such as the dashboard and the key of a
// store.
const Shared = "(shared)"

// When is the unit of time or work of a line.
type When string

// The units: per month, per million records, per million records in the table and
// month, per month with files in every hour.
const (
	Idle   When = "idle"
	Work   When = "million records"
	Stored When = "stored"
	InUse  When = "in use"
)

// Line is one price of an estimate: quantity × price.
type Line struct {
	When     When    `json:"when"`
	What     string  `json:"what"`
	Quantity float64 `json:"quantity"`
	Price    string  `json:"price"` // name in the price list
	Per      string  `json:"per"`
	USD      float64 `json:"usd"` // quantity × price
}

// million is the number of records for the lines of Work.
const million = 1_000_000

// Templates estimates the feeds of an app's templates, by name, and then the shared
// resources that cost anything when idle.
func Templates(templates []Template, prices Prices, load Workload) ([]Estimate, error) {
	estimates := []Estimate{}
	app := newApp(templates)
	for _, t := range templates {
		for _, f := range t.feeds() {
			e := &sheet{prices: prices, Estimate: Estimate{Feed: f.Spec.Feed, Stack: t.Stack, PriceDate: prices.Date, Region: prices.Region}}
			e.idle(f.resources, load)
			e.work(app, f, load)
			if e.err != nil {
				return nil, fmt.Errorf("feed %q of stack %s: %w", f.Spec.Feed, t.Stack, e.err)
			}
			e.sum(load)
			estimates = append(estimates, e.Estimate)
		}
	}
	slices.SortStableFunc(estimates, func(a, b Estimate) int { return cmp.Compare(a.Feed, b.Feed) })
	for _, t := range templates {
		e := &sheet{prices: prices, Estimate: Estimate{Feed: Shared, Stack: t.Stack, PriceDate: prices.Date, Region: prices.Region}}
		e.idle(t.shared(), load)
		if e.err != nil {
			return nil, fmt.Errorf("stack %s: %w", t.Stack, e.err)
		}
		if len(e.Lines) > 0 {
			e.sum(load)
			estimates = append(estimates, e.Estimate)
		}
	}
	return estimates, nil
}

// sheet is an estimate in progress.
type sheet struct {
	Estimate
	prices Prices
	err    error // the first price or assumption that is missing
}

// add adds a line, unless the quantity is 0.
func (s *sheet) add(when When, price string, quantity float64, what string, args ...any) {
	if quantity == 0 {
		return
	}
	p, ok := s.prices.Prices[price]
	if !ok && s.err == nil {
		s.err = fmt.Errorf("the price list has no price %q", price)
	}
	s.Lines = append(s.Lines, Line{When: when, What: fmt.Sprintf(what, args...), Quantity: quantity, Price: price, Per: p.Per, USD: rounded(quantity * p.USD)})
}

// value returns an assumption.
func (s *sheet) value(name string) float64 {
	a, ok := s.prices.Assumptions[name]
	if (!ok || a.Value <= 0) && s.err == nil {
		s.err = fmt.Errorf("the price list has no assumption %q above 0", name)
	}
	return a.Value
}

func (s *sheet) leaveOut(what string) { s.NotCounted = append(s.NotCounted, what) }

func (s *sheet) sum(load Workload) {
	for _, l := range s.Lines {
		switch l.When {
		case Idle:
			s.Idle += l.USD
		case Work:
			s.PerMillion += l.USD
		case Stored:
			s.Stored += l.USD
		case InUse:
			s.Metrics += l.USD
		}
	}
	s.PerGB = s.PerMillion * 1e9 / (million * float64(load.RecordBytes))
	for _, usd := range []*float64{&s.Idle, &s.PerMillion, &s.PerGB, &s.Stored, &s.Metrics} {
		*usd = rounded(*usd)
	}
	s.Idle = math.Round(s.Idle*100) / 100
}

// rounded removes the error of binary fractions: 0.3, not 0.30000000000000004.
func rounded(usd float64) float64 { return math.Round(usd*1e12) / 1e12 }
