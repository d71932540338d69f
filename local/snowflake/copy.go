package snowflake

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/ingestion/local/snowflake/awsaccess"
	"example.com/ingestion/local/snowflake/fileformat"
	"example.com/ingestion/local/snowflake/sqlparser"
)

// copyPlan is a parsed COPY INTO with the objects that it names.
type copyPlan struct {
	text    string
	target  *object
	table   *table
	columns []string
	selects []*sqlparser.Parser // expressions over a file's columns; empty: by position or name
	stage   *object
	path    string
	format  fileformat.Format
	pattern *regexp.Regexp
	files   []string
	skip    bool // ON_ERROR=SKIP_FILE, otherwise ABORT_STATEMENT
	byName  bool
	include []includeColumn
	force   bool
	// uncertain loads files of which it is unknown whether they were loaded.
	uncertain bool
}

type includeColumn struct{ column, metadata string }

// planCopy reads a COPY INTO. onError is the default of ON_ERROR.
func (st *statement) planCopy(onError string) (*copyPlan, error) {
	c := &copyPlan{text: st.Rest()}
	if st.At(2).Is("@") {
		return nil, errUnsupported("COPY INTO a stage")
	}
	read, err := st.Copy()
	if err == nil {
		err = st.ExpectEnd()
	}
	if err != nil {
		return nil, err
	}
	c.columns, c.selects = read.Columns, read.Select
	if c.target, err = st.find(kindTable, read.Table, "INSERT"); err != nil {
		return nil, err
	}
	var ok bool
	if c.table, ok = c.target.detail.(*table); !ok {
		return nil, errInvalid("COPY INTO needs a table: '%s' is a %s.", c.target.label(), c.target.kind)
	}
	if c.stage, c.path, err = st.findStage(read.Stage, "USAGE", "READ"); err != nil {
		return nil, err
	}
	return c, c.setOptions(st, read.Options, onError)
}

func (c *copyPlan) setOptions(st *statement, options sqlparser.Options, onError string) (err error) {
	if c.format, err = st.formatOf(options, c.stage.detail.(*stage)); err != nil {
		return err
	}
	for key, v := range options {
		switch key {
		case "FILE_FORMAT":
		case "ON_ERROR":
			onError = strings.ToUpper(v.Value)
		case "PATTERN":
			if c.pattern, err = compilePattern(v.Value); err != nil {
				return err
			}
		case "FILES":
			c.files = v.Strings()
		case "FORCE":
			c.force = options.True(key)
		case "LOAD_UNCERTAIN_FILES":
			c.uncertain = options.True(key)
		case "MATCH_BY_COLUMN_NAME":
			if c.byName = v.Value != "NONE"; c.byName && v.Value != "CASE_INSENSITIVE" {
				return errUnsupported("MATCH_BY_COLUMN_NAME=" + v.Value)
			}
		case "INCLUDE_METADATA":
			for column, metadata := range v.Options {
				if !slices.ContainsFunc(c.table.columns, func(t tableColumn) bool { return t.name == column }) {
					return errorf("000904", "42000", "SQL compilation error:\ninvalid identifier '%s' in INCLUDE_METADATA", column)
				}
				c.include = append(c.include, includeColumn{column, metadata.Value})
			}
		default:
			return errUnsupported("COPY option " + key)
		}
	}
	switch onError {
	case "SKIP_FILE":
		c.skip = true
	case "ABORT_STATEMENT":
	default:
		return errUnsupported("ON_ERROR=" + onError)
	}
	switch {
	case c.byName && (c.format.Type != fileformat.CSV || !c.format.ParseHeader):
		return errUnsupported("MATCH_BY_COLUMN_NAME without CSV and PARSE_HEADER=TRUE")
	case c.format.ParseHeader && !c.byName:
		return errInvalid("PARSE_HEADER=TRUE needs MATCH_BY_COLUMN_NAME.")
	}
	return c.check(st)
}

// check checks the expressions before a file is read.
func (c *copyPlan) check(st *statement) error {
	if len(c.columns) == 0 {
		for _, column := range c.table.columns {
			c.columns = append(c.columns, column.name)
		}
	}
	for _, name := range c.columns {
		if !slices.ContainsFunc(c.table.columns, func(t tableColumn) bool { return t.name == name }) {
			return errorf("000904", "42000", "SQL compilation error: error line 0 at position -1\ninvalid identifier '%s'", name)
		}
	}
	if len(c.selects) > 0 && len(c.selects) != len(c.columns) {
		return errorf("002020", "21S01", "SQL compilation error:\nInsert value list does not match column list expecting %d but got %d", len(c.columns), len(c.selects))
	}
	_, err := c.expressions(context.Background(), st)
	return err
}

func compilePattern(text string) (*regexp.Regexp, error) {
	pattern, err := regexp.Compile("^(?:" + text + ")$")
	if err != nil {
		return nil, errInvalid("Invalid regular expression: '%s'", text)
	}
	return pattern, nil
}

// expressions returns the selected expressions in DuckDB's SQL.
func (c *copyPlan) expressions(ctx context.Context, st *statement) ([]string, error) {
	var out []string
	for _, one := range c.selects {
		t := st.translator(ctx, one.Part(one.Tokens))
		t.variant = c.format.Type == fileformat.JSON
		sql, err := t.sql()
		if err != nil {
			return nil, err
		}
		out = append(out, sql)
	}
	return out, nil
}

// matches reports whether a key in the stage matches PATTERN or FILES.
func (c *copyPlan) matches(key string) bool {
	if c.pattern != nil && !c.pattern.MatchString(key) {
		return false
	}
	return len(c.files) == 0 || slices.ContainsFunc(c.files, func(name string) bool { return strings.HasSuffix("/"+key, "/"+name) })
}

// loadMetadata is how long a table keeps the load metadata of a file.
// https://docs.snowflake.com/en/user-guide/data-load-considerations-load#load-metadata
const loadMetadata = 64 * 24 * time.Hour

// copyInto runs a COPY INTO that is not part of a pipe.
func (st *statement) copyInto(ctx context.Context) (*result, error) {
	c, err := st.planCopy("ABORT_STATEMENT")
	if err != nil {
		return nil, err
	}
	if st.describe {
		return textResult("status"), nil
	}
	d := c.stage.detail.(*stage)
	reader, err := st.open(ctx, d)
	if err != nil {
		return nil, err
	}
	var found []awsaccess.Object
	for o, err := range reader.List(ctx, d.pathURL(c.path)) {
		if err != nil {
			return nil, err
		}
		earlier := c.table.loaded[o.Bucket+"/"+o.Key]
		known := earlier != nil && earlier.etag == o.ETag && earlier.status == statusLoaded
		known = known && time.Since(earlier.loaded) < loadMetadata
		// The load status of an old file is unknown once the table's metadata expire.
		uncertain := time.Since(o.Modified) > loadMetadata && time.Since(c.target.created) > loadMetadata &&
			(earlier == nil || time.Since(earlier.loaded) > loadMetadata)
		if c.matches(o.Key) && (c.force || !known && (!uncertain || c.uncertain)) {
			found = append(found, o)
		}
	}
	if len(found) == 0 {
		return done("Copy executed with 0 files processed."), nil
	}
	var loads []*fileLoad
	for _, o := range found {
		load := st.load(ctx, c, reader, o, nil)
		if load.err != nil && (!c.skip || ctx.Err() != nil) {
			return nil, st.undo(ctx, c, loads, load)
		}
		loads = append(loads, load)
	}
	r := copyResult()
	for _, load := range loads {
		c.table.loaded[load.bucket+"/"+load.key] = load
		st.copyLog = append(st.copyLog, load)
		load.addTo(r)
	}
	return r, nil
}

func copyResult() *result {
	r := textResult("file", "status")
	for _, n := range []string{"rows_parsed", "rows_loaded", "error_limit", "errors_seen"} {
		r.columns = append(r.columns, numberColumn(n))
	}
	r.columns = append(r.columns, textColumn("first_error"), numberColumn("first_error_line"),
		numberColumn("first_error_character"), textColumn("first_error_column_name"))
	return r
}

func (f *fileLoad) addTo(r *result) {
	number := func(n int64) *string { s := strconv.FormatInt(n, 10); return &s }
	row := []*string{&f.url, &f.status, number(f.parsed), number(f.rows), number(1), number(0), nil, nil, nil, nil}
	if f.err != nil {
		message := f.message()
		row[5], row[6], row[7], row[8] = number(1), &message, number(f.line), number(1)
	}
	upper := strings.ToUpper(strings.ReplaceAll(f.status, " ", "_"))
	row[1] = &upper
	r.add(row...)
}

// undo deletes the rows that an aborted COPY has loaded, and returns its error.
func (st *statement) undo(ctx context.Context, c *copyPlan, loads []*fileLoad, failed *fileLoad) error {
	for i := len(loads) - 1; i >= 0; i-- {
		f := loads[i]
		if err := st.exec(context.WithoutCancel(ctx), st.conn,
			fmt.Sprintf("DELETE FROM %s WHERE rowid >= %d AND rowid < %d", c.target.sql(), f.firstRow, f.firstRow+f.rows)); err != nil {
			return err
		}
	}
	if known := awsError(failed.err); known != nil {
		return known
	}
	return errorf("100038", "22000", "%s\n  File '%s', line %d\n  If you would like to continue loading when an error is encountered, use other values such as 'SKIP_FILE' or 'CONTINUE' for the ON_ERROR option.",
		failed.message(), failed.url, failed.line)
}

// scanTime returns METADATA$START_SCAN_TIME.
func scanTime() time.Time { return time.Now().UTC() }
