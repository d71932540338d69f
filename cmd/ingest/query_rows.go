package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator/warehouse"
	"example.com/ingestion/snowflake/client"
)

// rowsPrinter prints the result of a query. CSV and JSON go out row by row, so
// that a result may be larger than memory; a table needs its widths first.
type rowsPrinter interface {
	columns([]client.Column) error
	row([]any) error
	end() error
}

func (c *command) newRows(cmd *cobra.Command, asCSV bool) rowsPrinter {
	out := cmd.OutOrStdout()
	switch {
	case asCSV:
		return &csvRows{w: csv.NewWriter(out)}
	case c.output == outputJSON:
		return &jsonRows{w: bufio.NewWriter(out)}
	}
	return &tableRows{out: out, width: cellWidth(out)}
}

// cellWidth is how many characters of a value a terminal gets; 0: all.
func cellWidth(out any) int {
	width, ok := terminal(out)
	if !ok {
		return 0
	}
	return max(width/2, 20)
}

type tableRows struct {
	t     table
	out   io.Writer
	names []client.Column
	width int
	n     int
}

func (p *tableRows) columns(c []client.Column) error {
	p.names = c
	names := make([]string, len(c))
	for i := range c {
		names[i] = c[i].Name
	}
	p.t.head(names...)
	for i := range c {
		if warehouse.Numeric(c[i]) {
			p.t.right[i] = true
		}
	}
	return nil
}

func (p *tableRows) row(values []any) error {
	cells := make([]any, len(values))
	for i, v := range values {
		text := warehouse.Text(p.names[i], v, "NULL")
		if p.width > 0 {
			text = shortened(text, p.width)
		}
		cells[i] = text
	}
	p.t.row(cells...)
	p.n++
	return nil
}

func (p *tableRows) end() error {
	s := "s"
	if p.n == 1 {
		s = ""
	}
	p.t.line("(%s row%s)", grouped(int64(p.n)), s)
	_, err := io.WriteString(p.out, p.t.String())
	return err
}

// jsonRows prints an array with an object for each row, one a line. Its keys are
// in the order of the columns; a name that is there again gets a number.
type jsonRows struct {
	w     *bufio.Writer
	names []client.Column
	keys  []string
	n     int
}

func (p *jsonRows) columns(c []client.Column) error {
	p.names = c
	taken := map[string]bool{}
	for i := range c {
		name := c[i].Name
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", c[i].Name, n)
		}
		taken[name] = true
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		p.keys = append(p.keys, string(key))
	}
	_, err := p.w.WriteString("[")
	return err
}

func (p *jsonRows) row(values []any) error {
	var line strings.Builder
	if p.n > 0 {
		line.WriteByte(',')
	}
	line.WriteString("\n  {")
	for i, v := range values {
		if i > 0 {
			line.WriteString(", ")
		}
		line.WriteString(p.keys[i] + ": ")
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(warehouse.Value(p.names[i], v)); err != nil {
			return fmt.Errorf("column %s: %w", p.keys[i], err)
		}
		line.WriteString(strings.TrimSuffix(text.String(), "\n"))
	}
	line.WriteByte('}')
	p.n++
	_, err := p.w.WriteString(line.String())
	return err
}

func (p *jsonRows) end() error {
	end := "]\n"
	if p.n > 0 {
		end = "\n]\n"
	}
	if _, err := p.w.WriteString(end); err != nil {
		return err
	}
	return p.w.Flush()
}

type csvRows struct {
	w     *csv.Writer
	names []client.Column
}

func (p *csvRows) columns(c []client.Column) error {
	p.names = c
	names := make([]string, len(c))
	for i := range c {
		names[i] = c[i].Name
	}
	return p.w.Write(names)
}

func (p *csvRows) row(values []any) error {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = warehouse.Text(p.names[i], v, "")
	}
	return p.w.Write(texts)
}

func (p *csvRows) end() error {
	p.w.Flush()
	return p.w.Error()
}
