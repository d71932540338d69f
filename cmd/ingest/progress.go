package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	bars "github.com/jedib0t/go-pretty/v6/progress"
	"github.com/spf13/cobra"
)

// unit is what a progress counts: a plural noun, or bytes.
type unit string

// unitBytes is shown as kB, MB and so on.
const unitBytes unit = "bytes"

func (u unit) String(n int64) string {
	if u == unitBytes {
		return size(n).String()
	}
	return grouped(n) + " " + string(u)
}

// plainEvery is how often a progress that is not on a terminal says where it is.
const plainEvery = 10 * time.Second

// progress shows how far something long is, with rate and remaining time: a bar
// on a terminal, a line every ten seconds elsewhere. Its methods may be called
// from several goroutines.
type progress struct {
	mu      sync.Mutex
	title   string
	total   int64 // 0: not known
	done    int64
	unit    unit
	started time.Time
	ended   bool

	out  io.Writer
	stop chan struct{} // ends the goroutine that shows, which closes gone
	gone chan struct{}

	bar     bars.Writer // on a terminal
	tracker *bars.Tracker
}

// progress begins to show the way to total, 0 where it is not known yet, on
// standard error. Call Done at the end, whatever the end is.
func (c *command) progress(cmd *cobra.Command, title string, total int64, u unit) *progress {
	p := &progress{
		title: title, total: total, unit: u, started: time.Now(),
		out: cmd.ErrOrStderr(), stop: make(chan struct{}), gone: make(chan struct{}),
	}
	if width, ok := terminal(p.out); ok {
		p.showBar(width)
	} else {
		go p.showLines()
	}
	return p
}

// Add counts n more.
func (p *progress) Add(n int64) {
	p.mu.Lock()
	p.done += n
	p.mu.Unlock()
	if p.tracker != nil {
		p.tracker.Increment(n)
	}
}

// SetTotal tells or corrects how many there are.
func (p *progress) SetTotal(total int64) {
	p.mu.Lock()
	p.total = total
	p.mu.Unlock()
	if p.tracker != nil {
		p.tracker.UpdateTotal(total)
	}
}

// Done ends the showing, complete or not. A second call does nothing.
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
	<-p.gone
}

func (p *progress) showLines() {
	defer close(p.gone)
	ticks := time.NewTicker(plainEvery)
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

// line says where it is at a time.
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
	s += fmt.Sprintf(", %s a second", p.unit.String(int64(rate+0.5)))
	if p.ended {
		return s + ", in " + spell(elapsed)
	}
	if p.total > p.done {
		s += ", " + spell(time.Duration(float64(p.total-p.done)/rate*float64(time.Second))) + " left"
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
	// It ends by itself once its tracker is done. Stop would be lost before the
	// first look.
	p.bar.SetAutoStop(true)
	go func() {
		defer close(p.gone)
		p.bar.Render()
	}()
}
