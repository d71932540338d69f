package snowflake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"example.com/ingestion/local/snowflake/awsaccess"
	"example.com/ingestion/local/snowflake/fileformat"
	"example.com/ingestion/local/snowflake/sqlparser"
)

// An external table is a table in DuckDB with the rows of its files and two views on
// it: one with its name, and one with the metadata that SELECT * does not return.
const (
	filesSuffix = "$FILES"
	allSuffix   = "$ALL"
)

type external struct {
	stage      *object
	path       string
	format     fileformat.Format
	pattern    *regexp.Regexp
	topic      string
	channel    string
	columns    []virtualColumn
	registered map[string]string // ETag by bucket and key
	pending    []awsaccess.Event
}

type virtualColumn struct{ name, kind, sql string }

// selectList returns the columns that SELECT * returns.
func (d *external) selectList() string {
	items := []string{`"VALUE"`}
	for _, c := range d.columns {
		items = append(items, c.sql+" AS "+quote(c.name))
	}
	return strings.Join(items, ", ")
}

func createExternal(st *statement, ctx context.Context, o, _ *object) (func() error, error) {
	d := &external{registered: map[string]string{}}
	o.detail = d
	if st.Peek().Is("(") {
		inner, err := st.Group()
		if err != nil {
			return nil, err
		}
		for _, part := range inner.Split() {
			c, err := st.virtualColumn(ctx, part)
			if err != nil {
				return nil, err
			}
			d.columns = append(d.columns, c)
		}
	}
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	for _, name := range options["PARTITION BY"].Strings() {
		if !d.has(name) {
			return nil, errorf("000904", "42000", "SQL compilation error:\ninvalid identifier '%s' in PARTITION BY", name)
		}
	}
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	if err := d.set(st, o, options); err != nil {
		return nil, err
	}
	return func() error { return d.build(ctx, st, o, options.True("REFRESH_ON_CREATE")) }, nil
}

func (d *external) has(name string) bool {
	for _, c := range d.columns {
		if c.name == name {
			return true
		}
	}
	return false
}

// virtualColumn reads "NAME" TYPE AS (expression).
func (st *statement) virtualColumn(ctx context.Context, p *sqlparser.Parser) (virtualColumn, error) {
	name, kind, err := p.Column()
	if err != nil {
		return virtualColumn{}, err
	}
	typ, err := localType(kind)
	if err != nil {
		return virtualColumn{}, err
	}
	if err := p.Expect("AS"); err != nil {
		return virtualColumn{}, err
	}
	t := st.translator(ctx, p.Part(p.Tokens[p.Pos:]))
	expression, err := t.sql()
	if err != nil {
		return virtualColumn{}, err
	}
	sql := "CAST(" + expression + " AS " + typ.duck + ")"
	if len(t.out) == 3 && t.out[1].json && !typ.variant() { // a path in parentheses
		sql = "CAST(sf_varchar" + expression + " AS " + typ.duck + ")"
	}
	return virtualColumn{name, typ.name, sql}, nil
}

func (d *external) set(st *statement, o *object, options sqlparser.Options) (err error) {
	if d.stage, d.path, err = st.findStage(*options["LOCATION"].Stage, "USAGE"); err != nil {
		return err
	}
	if d.format, err = st.formatOf(options, nil); err != nil {
		return err
	}
	if d.format.ParseHeader {
		return errInvalid("PARSE_HEADER=TRUE is not supported for external tables.")
	}
	if pattern := options.Text("PATTERN"); pattern != "" {
		if d.pattern, err = compilePattern(pattern); err != nil {
			return err
		}
	}
	d.topic, o.comment = options.Text("AWS_SNS_TOPIC"), options.Text("COMMENT")
	return nil
}

// build creates the table and the views, subscribes to the topic and lists the files.
func (d *external) build(ctx context.Context, st *statement, o *object, refresh bool) error {
	stored := quoteAll(o.database, o.schema, o.name+filesSuffix)
	all := `, "METADATA$FILENAME", "METADATA$FILE_ROW_NUMBER"`
	if err := st.exec(ctx, st.conn,
		"CREATE TABLE "+stored+` ("VALUE" JSON, "METADATA$FILENAME" VARCHAR, "METADATA$FILE_ROW_NUMBER" DECIMAL(38,0))`,
		"CREATE VIEW "+o.sql()+" AS SELECT "+d.selectList()+" FROM "+stored,
		"CREATE VIEW "+quoteAll(o.database, o.schema, o.name+allSuffix)+" AS SELECT "+d.selectList()+all+" FROM "+stored,
	); err != nil {
		return err
	}
	var err error
	if d.topic != "" {
		if d.channel, err = st.storage.Subscribe(ctx, d.topic); err != nil {
			return errors.Join(err, st.remove(ctx, o))
		}
	}
	if refresh {
		if _, err := st.refreshExternal(ctx, o); err != nil {
			return errors.Join(err, st.remove(ctx, o))
		}
	}
	return nil
}

func (d *external) matches(bucket, key string) bool {
	s := d.stage.detail.(*stage)
	location, err := awsaccess.ParseLocation(s.pathURL(d.path))
	return err == nil && location.Bucket == bucket && strings.HasPrefix(key, location.Prefix) &&
		(d.pattern == nil || d.pattern.MatchString(key))
}

// refreshExternal registers new files of the stage and unregisters deleted ones.
func (e *engine) refreshExternal(ctx context.Context, o *object) (*result, error) {
	d := o.detail.(*external)
	s := d.stage.detail.(*stage)
	reader, err := e.open(ctx, s)
	if err != nil {
		return nil, err
	}
	r := textResult("file", "status", "description")
	present := map[string]bool{}
	for object, err := range reader.List(ctx, s.pathURL(d.path)) {
		if err != nil {
			return nil, err
		}
		name := object.Bucket + "/" + object.Key
		if !d.matches(object.Bucket, object.Key) {
			continue
		}
		present[name] = true
		if d.registered[name] == object.ETag {
			continue
		}
		if err := e.register(ctx, o, reader, object.Bucket, object.Key); err != nil {
			return nil, err
		}
		r.addText(object.Key, "REGISTERED_NEW", "File registered successfully.")
	}
	for name := range d.registered {
		if !present[name] {
			_, key, _ := strings.Cut(name, "/")
			if err := e.unregister(ctx, o, name, key); err != nil {
				return nil, err
			}
			r.addText(key, "UNREGISTERED", "File unregistered successfully.")
		}
	}
	return r, nil
}

// applyEvents registers and unregisters the files of the pending events.
func (e *engine) applyEvents(ctx context.Context, o *object) error {
	d := o.detail.(*external)
	if len(d.pending) == 0 {
		return nil
	}
	reader, err := e.open(ctx, d.stage.detail.(*stage))
	if err != nil {
		return err
	}
	for len(d.pending) > 0 {
		event := d.pending[0]
		name := event.Bucket + "/" + event.Key
		switch {
		case !d.matches(event.Bucket, event.Key):
		case event.Removed:
			err = e.unregister(ctx, o, name, event.Key)
		case event.ETag == "" || d.registered[name] != event.ETag:
			err = e.register(ctx, o, reader, event.Bucket, event.Key)
		}
		if err != nil {
			return err
		}
		d.pending = d.pending[1:]
	}
	return nil
}

func (e *engine) unregister(ctx context.Context, o *object, name, key string) error {
	d := o.detail.(*external)
	delete(d.registered, name)
	return e.exec(ctx, e.conn, "DELETE FROM "+quoteAll(o.database, o.schema, o.name+filesSuffix)+` WHERE "METADATA$FILENAME" = `+literal(key))
}

// register reads a file's rows and replaces those of an older version. A file with
// invalid content has the rows before the error, without an error for the user.
// https://docs.snowflake.com/en/user-guide/tables-external-intro
func (e *engine) register(ctx context.Context, o *object, reader bucketReader, bucket, key string) (err error) {
	d := o.detail.(*external)
	name := bucket + "/" + key
	object, body, err := reader.Fetch(ctx, bucket, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if err := e.unregister(ctx, o, name, key); err != nil {
		return err
	}
	rows, err := e.externalRows(ctx, o, object, body)
	if err != nil {
		return err
	}
	d.registered[name] = object.ETag
	e.log("s3://%s in %s: %d rows", name, o.label(), rows)
	return nil
}

func (e *engine) externalRows(ctx context.Context, o *object, object awsaccess.Object, body io.Reader) (rows int64, err error) {
	d := o.detail.(*external)
	sink, err := e.newSink(ctx, 1)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.exec(context.WithoutCancel(ctx), e.conn, "DROP TABLE "+sink.name)) }()
	started := scanTime()
	err = fileformat.Read(d.format, body, func(row fileformat.Row) error {
		rows++
		if row.Document == nil {
			document, err := positional(row)
			if err != nil {
				return err
			}
			row.Document, row.Fields = document, nil
		}
		return sink.add(row, object, started)
	})
	var invalid *fileformat.Error
	if errors.As(err, &invalid) {
		e.log("s3://%s/%s in %s: %v", object.Bucket, object.Key, o.label(), err)
		err = nil
	}
	if err = errors.Join(err, sink.close(err != nil)); err != nil {
		return 0, err
	}
	return rows, e.exec(ctx, e.conn, fmt.Sprintf(
		`INSERT INTO %s SELECT "$1"::JSON, "METADATA$FILENAME", "METADATA$FILE_ROW_NUMBER" FROM %s`,
		quoteAll(o.database, o.schema, o.name+filesSuffix), sink.name))
}

// positional returns VALUE of a delimited row: {"c1":…,"c2":…}, without NULL fields.
func positional(row fileformat.Row) ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, field := range row.Fields {
		if !field.Valid {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		text, err := jsonText(field.String)
		if err != nil {
			return nil, err
		}
		b.WriteString(`"c` + strconv.Itoa(i+1) + `":` + text)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}
