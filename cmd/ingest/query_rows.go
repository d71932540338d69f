package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator/snowflakeconn"
	"example.com/ingestion/snowflake/client"
)

// rowsPrinter prints the result of a query. CSV and JSON are streamed, so that a
// result may be larger than memory; a table is buffered, for its column widths.
type rowsPrinter interface {
	columns([]client.Column) error
	row([]any) error
	end() error
}

func (c *command) newRows(cmd *cobra.Command) rowsPrinter {
	out := cmd.OutOrStdout()
	switch c.output {
	case outputCSV:
		return &csvRows{w: csv.NewWriter(out)}
	case outputJSON:
		return &jsonRows{array: jsonArray{w: bufio.NewWriter(out)}}
	}
	return &tableRows{out: out, width: cellWidth(out)}
}

// cellWidth is the maximum width of a cell, in characters: half of a terminal. 0 is
// no maximum.
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
		if snowflakeconn.Numeric(c[i]) {
			p.t.right[i] = true
		}
	}
	return nil
}

func (p *tableRows) row(values []any) error {
	cells := make([]any, len(values))
	for i, v := range values {
		text := snowflakeconn.Text(p.names[i], v, "NULL")
		if v != nil && text == "NULL" {
			text = "'NULL'" // a missing value has no quotes
		}
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
	p.t.line("(%s)", amount(int64(p.n), "row"))
	_, err := io.WriteString(p.out, p.t.String())
	return err
}

// jsonRows prints an array with an object for each row, one per line. The keys are in
// the order of the columns; a name that is repeated gets a number.
type jsonRows struct {
	array jsonArray
	names []client.Column
	keys  []string
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
	return nil
}

func (p *jsonRows) row(values []any) error {
	var line strings.Builder
	line.WriteByte('{')
	for i, v := range values {
		if i > 0 {
			line.WriteString(", ")
		}
		line.WriteString(p.keys[i] + ": ")
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(snowflakeconn.Value(p.names[i], v)); err != nil {
			return fmt.Errorf("column %s: %w", p.keys[i], err)
		}
		line.WriteString(strings.TrimSuffix(text.String(), "\n"))
	}
	line.WriteByte('}')
	return p.array.add([]byte(line.String()))
}

func (p *jsonRows) end() error { return p.array.end() }

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
		texts[i] = snowflakeconn.Text(p.names[i], v, "")
	}
	return p.w.Write(texts)
}

func (p *csvRows) end() error {
	p.w.Flush()
	return p.w.Error()
}
