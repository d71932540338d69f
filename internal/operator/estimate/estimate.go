// Package estimate says what the feeds of synthesized templates cost: when
// nothing arrives, and for each million records and gigabyte that do. Every
// price and every assumption is data, in prices.json: none is in the code.
package estimate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Workload is what arrives.
type Workload struct {
	// RecordBytes is how large a record is as JSON, FileBytes a source object's
	// records together.
	RecordBytes, FileBytes int64
	// Objects is how many objects an external bucket holds that is listed on a schedule.
	Objects int64
}

// The Workload by default.
const (
	DefaultRecordBytes = 500
	DefaultFileBytes   = 100_000_000
	DefaultObjects     = 1_000
)

// Estimate is what one feed costs, in US dollars. What templates share between
// feeds is under the name Shared.
type Estimate struct {
	Feed  string `json:"feed"`
	Stack string `json:"stack"`
	// Idle is for each month, whatever arrives.
	Idle float64 `json:"idle_usd_per_month"`
	// PerMillion is for each million records that arrive, PerGB for each GB (10^9
	// bytes) of them, decompressed.
	PerMillion float64 `json:"usd_per_million_records"`
	PerGB      float64 `json:"usd_per_gb"`
	// Stored is for keeping a million records in the table, for each month.
	Stored float64 `json:"storage_usd_per_million_records_and_month"`
	// Metrics is for the custom metrics of a month in which something arrives every hour.
	Metrics float64 `json:"metrics_usd_per_month_in_use"`
	Lines   []Line  `json:"lines"`
	// NotCounted says what the figures leave out.
	NotCounted []string `json:"not_counted,omitempty"`
	PriceDate  string   `json:"price_date"`
	Region     string   `json:"region"`
}

// Shared is the feed of what belongs to no single one: a store's dashboard, its key.
const Shared = "(shared)"

// When a line is due.
type When string

// The kinds of line: each month, per million records, per million records and
// month in the table, each month in which something arrives.
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
	Price    string  `json:"price"` // its name in the price list
	Per      string  `json:"per"`
	USD      float64 `json:"usd"` // of all
}

// million is how many records the lines of Work are for.
const million = 1_000_000

// Templates estimates every feed of an app's templates, by name, and after them
// what they share, where that costs anything when idle.
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

// sheet is an estimate that is being made.
type sheet struct {
	Estimate
	prices Prices
	err    error // the first thing that the price list lacks
}

// add adds a line, unless there is nothing of it.
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

// value is an assumption.
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

// rounded is without the noise of binary fractions: 0.3, not 0.30000000000000004.
func rounded(usd float64) float64 { return math.Round(usd*1e12) / 1e12 }
