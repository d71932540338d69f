package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	bars "github.com/jedib0t/go-pretty/v6/progress"
	"github.com/spf13/cobra"
)

// unit is the unit of a progress: a plural noun, or bytes.
type unit string

// unitBytes is printed as kB, MB and so on.
const unitBytes unit = "bytes"

func (u unit) String(n int64) string {
	if u == unitBytes {
		return size(n).String()
	}
	if n == 1 {
		return "1 " + strings.TrimSuffix(string(u), "s")
	}
	return humanize.Comma(n) + " " + string(u)
}

// lineInterval is how often a progress is printed where there is no terminal.
const lineInterval = 10 * time.Second

// progress prints the progress of a long operation with its rate and remaining time:
// as a bar on a terminal, otherwise as a line every ten seconds. It is safe for
// concurrent use.
type progress struct {
	mu      sync.Mutex
	title   string
	total   int64 // 0: unknown
	done    int64
	unit    unit
	started time.Time
	ended   bool

	out     io.Writer
	stop    chan struct{} // closed by Done
	stopped chan struct{} // closed by the goroutine that prints

	bar     bars.Writer // on a terminal
	tracker *bars.Tracker
}

// progress starts to print the progress towards total, 0 if it is not known yet, on
// standard error. Call Done at the end, also after an error.
func (c *command) progress(cmd *cobra.Command, title string, total int64, u unit) *progress {
	p := &progress{
		title: title, total: total, unit: u, started: time.Now(),
		out: cmd.ErrOrStderr(), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if width, ok := terminal(p.out); ok {
		p.showBar(width)
	} else {
		go p.showLines()
	}
	return p
}

// Add adds n to what is done.
func (p *progress) Add(n int64) {
	p.mu.Lock()
	p.done += n
	p.mu.Unlock()
	if p.tracker != nil {
		p.tracker.Increment(n)
	}
}

// SetTotal sets or corrects the total.
func (p *progress) SetTotal(total int64) {
	p.mu.Lock()
	p.total = total
	p.mu.Unlock()
	if p.tracker != nil {
		p.tracker.UpdateTotal(total)
	}
}

// Done ends the printing. A second call does nothing.
func (p *progress) Done() {
	p.mu.Lock()
	ended, short := p.ended, p.done < p.total
	p.ended = true
	p.mu.Unlock()
	if ended {
		return
	}
	switch {
	case p.tracker == nil:
	case short:
		p.tracker.MarkAsErrored()
	default:
		p.tracker.MarkAsDone()
	}
	close(p.stop)
	<-p.stopped
}

func (p *progress) showLines() {
	defer close(p.stopped)
	ticks := time.NewTicker(lineInterval)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			fmt.Fprintln(p.out, p.line(time.Now()))
		case <-p.stop:
			fmt.Fprintln(p.out, p.line(time.Now()))
			return
		}
	}
}

// line describes the progress at a time.
func (p *progress) line(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	elapsed := now.Sub(p.started)
	s := p.title + ": " + p.unit.String(p.done)
	if p.total > 0 {
		s += fmt.Sprintf(" of %s (%d%%)", p.unit.String(p.total), 100*p.done/p.total)
	}
	if elapsed <= 0 || p.done == 0 {
		return s
	}
	rate := float64(p.done) / elapsed.Seconds()
	s += fmt.Sprintf(", %s per second", p.unit.String(int64(rate+0.5)))
	if p.ended {
		return s + ", in " + duration(elapsed)
	}
	if p.total > p.done {
		s += ", " + duration(time.Duration(float64(p.total-p.done)/rate*float64(time.Second))) + " left"
	}
	return s
}

func (p *progress) showBar(width int) {
	p.tracker = &bars.Tracker{Message: p.title, Total: p.total, AutoStopDisabled: true, Units: bars.Units{
		Formatter: func(n int64) string { return p.unit.String(n) },
	}}
	p.bar = bars.NewWriter()
	p.bar.SetOutputWriter(p.out)
	p.bar.SetTerminalWidth(width)
	p.bar.SetTrackerLength(max(10, width/4))
	p.bar.SetNumTrackersExpected(1)
	p.bar.SetUpdateFrequency(200 * time.Millisecond)
	style := bars.StyleBlocks
	style.Visibility.ETA, style.Visibility.ETAOverall, style.Visibility.Speed = true, false, true
	style.Options.TimeInProgressPrecision = time.Second
	style.Options.DoneString, style.Options.ErrorString, style.Options.PercentFormat = "done", "stopped", "%3.0f%%"
	style.Options.SpeedPrecision = time.Second
	p.bar.SetStyle(style)
	p.bar.AppendTracker(p.tracker)
	// The writer stops once its tracker is done. A call of Stop would be ignored
	// before its first update.
	p.bar.SetAutoStop(true)
	go func() {
		defer close(p.stopped)
		p.bar.Render()
	}()
}
