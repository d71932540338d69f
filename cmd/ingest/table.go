package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	pretty "github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// table is what a verb prints for people: tables and lines, one after another.
type table struct {
	colours bool
	out     strings.Builder
	writer  pretty.Writer
	right   map[int]bool // columns that hold numbers
}

// Cells of a table, beside strings, numbers, times and durations.
type (
	// size is a number of bytes.
	size int64
	// dollars are US dollars.
	dollars float64
	// quantity is how much there is of something, which may be a fraction.
	quantity float64
	// toned is a cell in a colour.
	toned struct {
		cell any
		tone text.Color
	}
)

// good, doubtful and bad colour a cell where there are colours.
func good(cell any) any     { return toned{cell, text.FgGreen} }
func doubtful(cell any) any { return toned{cell, text.FgYellow} }
func bad(cell any) any      { return toned{cell, text.FgRed} }

// badIfAny colours a number that should be 0.
func badIfAny(n int64) any {
	if n > 0 {
		return bad(n)
	}
	return n
}

// head begins a table. It ends with the next head or line, and with the output.
func (t *table) head(names ...string) {
	t.end()
	if t.out.Len() > 0 {
		t.out.WriteByte('\n')
	}
	t.writer, t.right = pretty.NewWriter(), map[int]bool{}
	t.writer.AppendHeader(row(names))
}

// row adds a row to the table. Columns with a number in any row are aligned to
// the right; a zero time and nil are a hyphen.
func (t *table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		switch c := cell.(type) {
		case toned:
			texts[i] = shown(display(c.cell))
			if t.colours {
				texts[i] = text.Escape(texts[i], c.tone.EscapeSeq())
			}
			cell = c.cell
		default:
			texts[i] = shown(display(cell))
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
	t.out.WriteString(shown(fmt.Sprintf(format, args...)))
	t.out.WriteByte('\n')
}

// gap adds an empty line.
func (t *table) gap() {
	t.end()
	t.out.WriteByte('\n')
}

// String is everything so far.
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

// display is a cell as people read it.
func display(cell any) string {
	switch c := cell.(type) {
	case nil:
		return "-"
	case string:
		return c
	case int:
		return grouped(int64(c))
	case int64:
		return grouped(c)
	case size:
		return c.String()
	case dollars:
		return c.String()
	case quantity:
		return c.String()
	case time.Time:
		return moment(c)
	case time.Duration:
		return spell(c)
	}
	return fmt.Sprint(cell)
}

// grouped is n with a comma between thousands.
func grouped(n int64) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// String is in powers of 1,000, as the docs have them.
func (s size) String() string {
	units := []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	if s < 1000 {
		return strconv.FormatInt(int64(s), 10) + " B"
	}
	v, i := float64(s)/1000, 0
	for v >= 999.95 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + units[i]
}

// String has cents, and for less than ten of them two digits that count.
func (d dollars) String() string {
	digits := 2
	if v := math.Abs(float64(d)); v > 0 && v < 0.1 {
		digits = 1 - int(math.Floor(math.Log10(v)))
	}
	return "$" + strconv.FormatFloat(float64(d), 'f', digits, 64)
}

// String has three digits that count, and for large ones all before the point.
func (q quantity) String() string {
	if q >= 100 || q == quantity(int64(q)) {
		return grouped(int64(q + 0.5))
	}
	return strconv.FormatFloat(float64(q), 'f', max(0, 2-int(math.Floor(math.Log10(float64(q))))), 64)
}

// moment is a time in UTC, as everything that the feeds write is.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// spell is a duration with as many digits as say something.
func spell(d time.Duration) string {
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
