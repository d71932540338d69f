package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
)

func TestTable(t *testing.T) {
	tb := &table{}
	tb.line("before\x1b[2J")
	tb.head("NAME", "COUNT", "SIZE", "TIME", "TOOK")
	tb.row("a\tb\n", 1234567, size(0), time.Time{}, time.Duration(0))
	tb.row(good("c"), badIfAny(0), size(999), time.Date(2026, 3, 1, 1, 2, 3, 4, time.FixedZone("", 3600)), 90*time.Second)
	tb.gap()
	tb.line("after")
	const want = `before\x1b[2J

NAME        COUNT   SIZE  TIME                  TOOK
a\tb\n  1,234,567    0 B  -                        -
c               0  999 B  2026-03-01 00:02:03  1m30s

after
`
	if got := tb.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestColors(t *testing.T) {
	for colors, want := range map[bool]string{
		true: "A  B\n\x1b[31mx\x1b[0m  \x1b[33m1\x1b[0m\n", false: "A  B\nx  1\n",
	} {
		tb := &table{colors: colors}
		tb.head("A", "B")
		tb.row(bad("x"), warning(1))
		if got := tb.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if colored(&bytes.Buffer{}) || colored(io.Discard) {
		t.Error("colors on what is no terminal")
	}
}

func TestDisplay(t *testing.T) {
	for want, cell := range map[string]any{
		"-": nil, "-1,234": int64(-1234), "0": 0, "999": 999, "1,000": 1000, "1.0 kB": size(1000), "1.0 MB": size(1_000_000), "19 kB": size(18_500), "9.2 EB": size(math.MaxInt64),
		"$0.00": dollars(0), "$0.40": dollars(0.4), "$1234.50": dollars(1234.5), "$0.026": dollars(0.0263), "$0.0000040": dollars(4e-6),
		"0.750": quantity(0.75), "657,000": quantity(657000), "0.0000200": quantity(2e-5), "1,235": quantity(1234.5), "3": quantity(3),
		"12ms": 12 * time.Millisecond, "1.2s": 1234 * time.Millisecond, "1h0m1s": time.Hour + time.Second + time.Millisecond, "true": true,
	} {
		if got := display(cell); got != want {
			t.Errorf("%v: %q, want %q", cell, got, want)
		}
	}
	for in, want := range map[string]string{"plain é 日本": "plain é 日本", "a\x00b": `a\x00b`, "\u202eback": `\u202eback`, "\x9b1m": `\x9b1m`, "r\r": `r\r`} {
		in = strings.ToValidUTF8(in, "\u009b")
		if got := printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := shortened("äöü", 2); got != "ä…" || shortened("äö", 2) != "äö" {
		t.Errorf("shortened: %q", got)
	}
}

func TestPrint(t *testing.T) {
	var out bytes.Buffer
	cmd := &cobra.Command{}
	cmd.SetOut(&out)
	c := &command{output: outputJSON}
	if err := c.print(cmd, map[string]string{"a": "<b>"}, nil); err != nil || out.String() != "{\n  \"a\": \"<b>\"\n}\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	out.Reset()
	c.output = outputTable
	failed := errors.New("failed")
	err := c.print(cmd, nil, func(tb *table) error {
		tb.line("half")
		return failed
	})
	if !errors.Is(err, failed) || out.Len() > 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := fmt.Errorf("orders: %w", badData("%d differ", 2)); !errors.Is(err, errData) || err.Error() != "orders: 2 differ" {
		t.Errorf("%v", err)
	}
}

// locked is a writer that several goroutines may use.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestProgressInLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out locked
		cmd := &cobra.Command{}
		cmd.SetErr(&out)
		p := (&command{}).progress(cmd, "backfill", 0, "objects")
		time.Sleep(5 * time.Second) // of the clock of synctest
		p.Add(500)
		p.SetTotal(2000)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		p.Add(1000)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		p.Add(500)
		p.Done()
		p.Done()
		const want = `backfill: 500 objects of 2,000 objects (25%), 50 objects per second, 30s left
backfill: 1,500 objects of 2,000 objects (75%), 75 objects per second, 6.7s left
backfill: 2,000 objects of 2,000 objects (100%), 100 objects per second, in 20s
`
		if got := out.String(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestProgressWithoutSteps(t *testing.T) {
	var out locked
	cmd := &cobra.Command{}
	cmd.SetErr(&out)
	(&command{}).progress(cmd, "replay", 0, unitBytes).Done()
	if got := out.String(); got != "replay: 0 B\n" {
		t.Errorf("%q", got)
	}
}

func TestProgressBar(t *testing.T) {
	for done, want := range map[int64]string{100: "backfill ... done [100 B in", 40: "backfill ... stopped [40 B in"} {
		var out locked
		p := &progress{title: "backfill", total: 100, unit: unitBytes, started: time.Now(), out: &out, stop: make(chan struct{}), stopped: make(chan struct{})}
		p.showBar(100)
		p.Add(done)
		p.Done()
		if got := out.String(); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
