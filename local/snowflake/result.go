package snowflake

import "strconv"

// The statement types that the driver distinguishes. 0x3000 to 0x3500 are DML, for
// which the driver adds up the integers of the first row; COPY must not be one of them.
const (
	typeSelect = 0x1000
	typeInsert = 0x3100
	typeUpdate = 0x3200
	typeDelete = 0x3300
	typeMerge  = 0x3400
	typeOther  = 0x6000
)

// column describes a column in the driver's format (rowtype).
type column struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Length     int64  `json:"length"`
	ByteLength int64  `json:"byteLength"`
	Precision  int64  `json:"precision"`
	Scale      int64  `json:"scale"`
	Nullable   bool   `json:"nullable"`
}

// result is the result of a statement.
type result struct {
	columns   []column
	rows      [][]*string
	statement int64
}

func textColumn(name string) column {
	c := describeType("VARCHAR")
	c.Name = name
	return c
}

func numberColumn(name string) column {
	c := describeType("BIGINT")
	c.Name = name
	return c
}

func timeColumn(name string) column {
	c := describeType("TIMESTAMP WITH TIME ZONE")
	c.Name = name
	return c
}

// textResult returns an empty result with columns of text.
func textResult(names ...string) *result {
	r := &result{statement: typeOther}
	for _, n := range names {
		r.columns = append(r.columns, textColumn(n))
	}
	return r
}

// add appends a row; nil is NULL.
func (r *result) add(cells ...*string) { r.rows = append(r.rows, cells) }

func (r *result) addText(cells ...string) {
	row := make([]*string, len(cells))
	for i := range cells {
		row[i] = &cells[i]
	}
	r.rows = append(r.rows, row)
}

// done returns the result of a statement that returns only a status.
func done(status string) *result {
	r := textResult("status")
	r.addText(status)
	return r
}

// changed returns the result of DML: one count per column.
func changed(statement int64, names []string, counts ...int64) *result {
	r := &result{statement: statement}
	cells := make([]string, len(counts))
	for i, n := range counts {
		r.columns = append(r.columns, numberColumn(names[i]))
		cells[i] = strconv.FormatInt(n, 10)
	}
	r.addText(cells...)
	return r
}
