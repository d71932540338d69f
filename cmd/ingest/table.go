package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	pretty "github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// table is the output of a verb for people: a sequence of tables and lines.
type table struct {
	colors bool
	out    strings.Builder
	writer pretty.Writer
	right  map[int]bool // indexes of the columns with numbers
}

// Types of cells, in addition to strings, numbers, times and durations.
type (
	// size is a number of bytes.
	size int64
	// dollars are US dollars.
	dollars float64
	// quantity is a number that may have a fraction.
	quantity float64
	// colored is a cell with a color.
	coloredCell struct {
		cell  any
		color text.Color
	}
)

// good, warning and bad color a cell, if colors are used.
func good(cell any) any    { return coloredCell{cell, text.FgGreen} }
func warning(cell any) any { return coloredCell{cell, text.FgYellow} }
func bad(cell any) any     { return coloredCell{cell, text.FgRed} }

// badIfAny colors a number that should be 0.
func badIfAny(n int64) any {
	if n > 0 {
		return bad(n)
	}
	return n
}

// warningIfAny colors a number of what is not as it should be.
func warningIfAny(n int64) any {
	if n > 0 {
		return warning(n)
	}
	return n
}

// head begins a table. It ends with the next call of head or line.
func (t *table) head(names ...string) {
	t.end()
	if t.out.Len() > 0 {
		t.out.WriteByte('\n')
	}
	t.writer, t.right = pretty.NewWriter(), map[int]bool{}
	t.writer.AppendHeader(row(names))
}

// row adds a row to the table. Columns with a number in any row are aligned to the
// right. A zero time and nil are printed as a hyphen.
func (t *table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		switch c := cell.(type) {
		case coloredCell:
			texts[i] = printable(display(c.cell))
			if t.colors {
				texts[i] = text.Escape(texts[i], c.color.EscapeSeq())
			}
			cell = c.cell
		default:
			texts[i] = printable(display(cell))
		}
		switch cell.(type) {
		case int, int64, size, dollars, quantity, time.Duration:
			t.right[i] = true
		}
	}
	t.writer.AppendRow(row(texts))
}

// line adds a line of text.
func (t *table) line(format string, args ...any) {
	t.end()
	t.out.WriteString(printable(fmt.Sprintf(format, args...)))
	t.out.WriteByte('\n')
}

// gap adds an empty line.
func (t *table) gap() {
	t.end()
	t.out.WriteByte('\n')
}

// String returns the output so far.
func (t *table) String() string {
	t.end()
	return t.out.String()
}

func (t *table) end() {
	if t.writer == nil {
		return
	}
	style := pretty.StyleDefault
	style.Options = pretty.Options{}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.writer.SetStyle(style)
	t.writer.SuppressTrailingSpaces()
	var columns []pretty.ColumnConfig
	for i := range t.right {
		columns = append(columns, pretty.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.writer.SetColumnConfigs(columns)
	for line := range strings.Lines(t.writer.Render()) {
		t.out.WriteString(strings.TrimRight(line, " \n"))
		t.out.WriteByte('\n')
	}
	t.writer = nil
}

func row(texts []string) pretty.Row {
	r := make(pretty.Row, len(texts))
	for i, s := range texts {
		r[i] = s
	}
	return r
}

// display returns the text of a cell.
func display(cell any) string {
	switch c := cell.(type) {
	case nil:
		return "-"
	case string:
		return c
	case int:
		return humanize.Comma(int64(c))
	case int64:
		return humanize.Comma(c)
	case size:
		return c.String()
	case dollars:
		return c.String()
	case quantity:
		return c.String()
	case time.Time:
		return moment(c)
	case time.Duration:
		return duration(c)
	}
	return fmt.Sprint(cell)
}

// String formats the size in powers of 1,000: 18 kB.
func (s size) String() string { return humanize.Bytes(uint64(max(0, s))) }

// String has cents, and below ten cents two significant digits.
func (d dollars) String() string {
	digits := 2
	if v := math.Abs(float64(d)); v > 0 && v < 0.1 {
		digits = 1 - int(math.Floor(math.Log10(v)))
	}
	return "$" + strconv.FormatFloat(float64(d), 'f', digits, 64)
}

// String has three significant digits, and no fraction from 100 on.
func (q quantity) String() string {
	if q >= 100 || q == quantity(int64(q)) {
		return humanize.Comma(int64(q + 0.5))
	}
	return strconv.FormatFloat(float64(q), 'f', max(0, 2-int(math.Floor(math.Log10(float64(q))))), 64)
}

// moment formats a time in UTC, as all times that the feeds write are.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// amount formats a number with its noun: 1 record, 2,000 records.
func amount(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return humanize.Comma(n) + " " + noun + "s"
}

// duration rounds a duration to a precision that fits its length.
func duration(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
