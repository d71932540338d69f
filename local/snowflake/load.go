package snowflake

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"example.com/ingestion/internal/sqltext"
	"example.com/ingestion/local/snowflake/awsaccess"
	"example.com/ingestion/local/snowflake/fileformat"
)

// The states of a load in COPY_HISTORY.
const (
	statusLoaded = "Loaded"
	statusFailed = "Load failed"
)

// fileLoad is an entry of the load history.
type fileLoad struct {
	bucket, key, etag string
	url               string
	size              int64
	table, pipe       *object
	stage             string
	status            string
	parsed, rows      int64
	firstRow          int64 // rowid in DuckDB
	line              int64
	largest           int // document, in bytes
	err               error
	received, loaded  time.Time
}

func (f *fileLoad) message() string {
	first, _, _ := strings.Cut(f.err.Error(), "\nin: ")
	return first
}

// metadataColumns has the metadata of a file that a COPY may select.
var metadataColumns = []struct{ name, duck string }{
	{"METADATA$FILENAME", "VARCHAR"},
	{"METADATA$FILE_ROW_NUMBER", "BIGINT"},
	{"METADATA$FILE_CONTENT_KEY", "VARCHAR"},
	{"METADATA$FILE_LAST_MODIFIED", "TIMESTAMP"},
	{"METADATA$START_SCAN_TIME", "TIMESTAMPTZ"},
}

// load loads all rows of a file, or none if one is invalid.
func (st *statement) load(ctx context.Context, c *copyPlan, reader bucketReader, o awsaccess.Object, pipe *object) *fileLoad {
	f := &fileLoad{
		bucket: o.Bucket, key: o.Key, etag: o.ETag, size: o.Size, url: "s3://" + o.Bucket + "/" + o.Key,
		table: c.target, pipe: pipe, stage: c.stage.detail.(*stage).url, received: time.Now(), status: statusLoaded,
	}
	f.err = st.loadInto(ctx, c, reader, f)
	f.loaded = time.Now()
	if f.err != nil {
		f.status, f.rows = statusFailed, 0
		var invalid *fileformat.Error
		if errors.As(f.err, &invalid) {
			f.line = invalid.Line
		}
		st.log("%s into %s: %s", f.url, c.target.label(), f.message())
	} else {
		st.log("%s into %s: %d rows", f.url, c.target.label(), f.rows)
	}
	return f
}

func (st *statement) loadInto(ctx context.Context, c *copyPlan, reader bucketReader, f *fileLoad) (err error) {
	object, body, err := reader.Fetch(ctx, f.bucket, f.key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	f.etag, f.size = object.ETag, object.Size
	scratch, names, err := st.read(ctx, c, body, object, f)
	if scratch != "" {
		defer func() { err = errors.Join(err, st.exec(context.WithoutCancel(ctx), st.conn, "DROP TABLE "+scratch)) }()
	}
	if err != nil || f.parsed == 0 {
		return err
	}
	columns, values, err := c.assign(ctx, st, names)
	if err != nil {
		return err
	}
	if err := st.checkSizes(ctx, c, f, values, "(SELECT "+c.sourceColumns(len(names))+" FROM "+scratch+")"); err != nil {
		return err
	}
	if f.firstRow, err = st.count(ctx, "SELECT coalesce(max(rowid), -1) + 1 FROM "+c.target.sql()); err != nil {
		return err
	}
	if err := st.exec(ctx, st.conn, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM (SELECT %s FROM %s)",
		c.target.sql(), strings.Join(columns, ", "), strings.Join(values, ", "), c.sourceColumns(len(names)), scratch)); err != nil {
		return err
	}
	f.rows = f.parsed
	return nil
}

// maxValue is how many bytes a value of a column has, and maxDocument how many a document of a
// file. A column that is declared with a greater length holds 128 MB; the default is 16 MB.
// https://docs.snowflake.com/en/release-notes/bcr-bundles/2024_08/bcr-1779
const (
	maxValue    = 16 << 20
	maxDocument = 128 << 20
)

// checkSizes returns an error if a value is too large for its column. Only a large document
// can have one.
func (st *statement) checkSizes(ctx context.Context, c *copyPlan, f *fileLoad, values []string, from string) error {
	if f.largest > maxDocument {
		return errorf("100069", "22P02", "Error parsing JSON: document is too large, max size %d bytes", maxDocument)
	}
	if f.largest <= maxValue || c.byName {
		return nil
	}
	for _, value := range values {
		n, err := st.count(ctx, "SELECT coalesce(max(strlen(CAST("+value+" AS VARCHAR))), 0) FROM "+from)
		if err != nil {
			return err
		}
		if n > maxValue {
			return errorf("100082", "22000", "Max LOB size (%d) exceeded, actual size of parsed column is %d", maxValue, n)
		}
	}
	return nil
}

// sourceColumns returns the columns of the scratch table, with $1 of JSON as a VARIANT.
func (c *copyPlan) sourceColumns(width int) string {
	var items []string
	for n := range width {
		name := quote("$" + strconv.Itoa(n+1))
		if c.format.Type == fileformat.JSON {
			name = name + "::JSON AS " + name
		}
		items = append(items, name)
	}
	for _, m := range metadataColumns {
		items = append(items, quote(m.name))
	}
	return strings.Join(items, ", ")
}

// assign returns the columns to load and the expression for each.
func (c *copyPlan) assign(ctx context.Context, st *statement, header []string) (columns, values []string, err error) {
	if !c.byName {
		if values, err = c.expressions(ctx, st); err != nil {
			return nil, nil, err
		}
		for i, name := range c.columns {
			columns = append(columns, quote(name))
			if len(c.selects) == 0 {
				values = append(values, quote("$"+strconv.Itoa(i+1)))
			}
		}
		return columns, values, nil
	}
	for i, name := range header {
		for _, column := range c.table.columns {
			taken := slices.Contains(columns, quote(column.name))
			if strings.EqualFold(column.name, name) && !taken {
				columns, values = append(columns, quote(column.name)), append(values, quote("$"+strconv.Itoa(i+1)))
			}
		}
	}
	if len(columns) == 0 {
		// Without a match all columns are NULL, without an error.
		// https://docs.snowflake.com/en/sql-reference/sql/copy-into-table#copy-options-copyoptions
		columns, values = []string{quote(c.table.columns[0].name)}, []string{"NULL"}
	}
	for _, m := range c.include {
		columns, values = append(columns, quote(m.column)), append(values, quote(m.metadata))
	}
	return columns, values, nil
}

// read loads a file's rows into a scratch table and returns its name and the names of
// the file's columns.
func (st *statement) read(ctx context.Context, c *copyPlan, body io.Reader, object awsaccess.Object, f *fileLoad) (scratch string, names []string, err error) {
	format := c.format
	width := 1
	if format.Type == fileformat.CSV && !format.ParseHeader {
		width = c.width()
		format.Columns = width
		names = make([]string, width)
	} else if format.Type == fileformat.JSON {
		names = make([]string, 1)
	}
	var sink *rowSink
	started := scanTime()
	err = fileformat.Read(format, body, func(row fileformat.Row) error {
		if sink == nil {
			if format.ParseHeader {
				names, width = row.Names, len(row.Names)
			}
			if sink, err = st.newSink(ctx, width); err != nil {
				return err
			}
		}
		f.parsed++
		f.largest = max(f.largest, len(row.Document))
		return sink.add(row, object, started)
	})
	if sink == nil {
		return "", names, err
	}
	return sink.name, names, errors.Join(err, sink.close(err != nil))
}

// width returns the number of columns that a COPY without header reads of a file.
func (c *copyPlan) width() int {
	if len(c.selects) == 0 {
		return len(c.columns)
	}
	most := 1
	for _, one := range c.selects {
		for _, t := range one.Tokens {
			if t.Kind == sqltext.Position {
				n, err := strconv.Atoi(t.Value[1:])
				if err == nil && n > most {
					most = n
				}
			}
		}
	}
	return most
}

// rowSink appends rows to a scratch table.
type rowSink struct {
	name     string
	width    int
	appender *duckdb.Appender
}

func (e *engine) newSink(ctx context.Context, width int) (*rowSink, error) {
	e.scratch++
	table := "sf_scratch_" + strconv.FormatInt(e.scratch, 10)
	var columns []string
	for n := range width {
		columns = append(columns, quote("$"+strconv.Itoa(n+1))+" VARCHAR")
	}
	for _, m := range metadataColumns {
		columns = append(columns, quote(m.name)+" "+m.duck)
	}
	s := &rowSink{name: "memory.main." + table, width: width}
	if err := e.exec(ctx, e.conn, "CREATE TABLE "+s.name+" ("+strings.Join(columns, ", ")+")"); err != nil {
		return nil, err
	}
	return s, e.conn.Raw(func(c any) (err error) {
		s.appender, err = duckdb.NewAppender(c.(driver.Conn), "memory", "main", table)
		return err
	})
}

func (s *rowSink) add(row fileformat.Row, object awsaccess.Object, started time.Time) error {
	values := make([]driver.Value, 0, s.width+len(metadataColumns))
	if row.Document != nil {
		values = append(values, variant(row.Document))
	}
	for _, field := range row.Fields[:min(len(row.Fields), s.width)] {
		if field.Valid {
			values = append(values, field.String)
		} else {
			values = append(values, nil)
		}
	}
	for len(values) < s.width {
		values = append(values, nil)
	}
	values = append(values, object.Key, row.Number, object.ETag, object.Modified.UTC(), started)
	return s.appender.AppendRow(values...)
}

func (s *rowSink) close(drop bool) error {
	if drop {
		return errors.Join(s.appender.Clear(), s.appender.Close())
	}
	return s.appender.Close()
}
