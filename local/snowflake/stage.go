package snowflake

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"example.com/ingestion/local/snowflake/awsaccess"
	"example.com/ingestion/local/snowflake/sqlparser"
)

// stage is an external stage.
type stage struct {
	url         string
	integration *object
	formatName  sqlparser.Value
	format      sqlparser.Options // resolved when the stage was created or altered
}

func createStage(st *statement, _ context.Context, o, _ *object) (func() error, error) {
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	if !options.Has("URL") {
		return nil, errUnsupported("internal stages")
	}
	d := &stage{}
	o.detail = d
	if err := d.set(st, o, options); err != nil {
		return nil, err
	}
	return nil, st.ExpectEnd()
}

func (d *stage) set(st *statement, o *object, options sqlparser.Options) error {
	for key, v := range options {
		switch key {
		case "URL":
			if _, err := awsaccess.ParseLocation(v.Value); err != nil {
				return err
			}
			d.url = v.Value
		case "STORAGE_INTEGRATION":
			i, err := st.find(kindIntegration, v.Name, "USAGE")
			if err != nil {
				return err
			}
			d.integration = i
		case "FILE_FORMAT":
			resolved, err := st.formatOptions(v)
			if err != nil {
				return err
			}
			d.format, d.formatName = resolved, v
		case "COMMENT":
			o.comment = v.Value
		case "DIRECTORY":
			if v.Options.True("ENABLE") {
				return errUnsupported("directory tables")
			}
		default:
			return errUnsupported("stage option " + key)
		}
	}
	return nil
}

// findStage looks up a named stage, and returns it with the path in it.
func (st *statement) findStage(s sqlparser.Stage, privileges ...string) (found *object, path string, err error) {
	if s.Scope != "" {
		return nil, "", errUnsupported("stages of users and tables")
	}
	found, err = st.find(kindStage, s.Name, privileges...)
	return found, s.Path, err
}

// pathURL returns the URL of a path in the stage.
func (d *stage) pathURL(path string) string {
	if path == "" {
		return d.url
	}
	return strings.TrimSuffix(d.url, "/") + "/" + path
}

// open assumes the role of the stage's integration.
func (e *engine) open(ctx context.Context, d *stage) (bucketReader, error) {
	if d.integration == nil {
		return nil, errInvalid("stage '%s' has no storage integration: the local Snowflake does not support public buckets.", d.url)
	}
	if e.catalog.objects[d.integration.key()] != d.integration {
		return nil, errorf("002003", "02000", "SQL compilation error:\nIntegration '%s' does not exist or not authorized: the integration of the stage was dropped.", d.integration.name)
	}
	return e.storage.Open(ctx, d.integration.detail.(*integration).Integration)
}

func describeStage(o *object) *result {
	d := o.detail.(*stage)
	r := textResult("parent_property", "property", "property_type", "property_value", "property_default")
	for key, v := range d.format {
		r.addText("STAGE_FILE_FORMAT", key, "String", v.Value, "")
	}
	r.addText("STAGE_LOCATION", "URL", "String", `["`+d.url+`"]`, "")
	name := ""
	if d.integration != nil {
		name = d.integration.name
	}
	r.addText("STAGE_INTEGRATION", "STORAGE_INTEGRATION", "String", name, "")
	return r
}

// list runs LIST. The stage may be a constant in single quotes, which names with special
// characters need.
// https://docs.snowflake.com/en/sql-reference/sql/list
func (st *statement) list(ctx context.Context) (*result, error) {
	st.Next()
	p := st.Parser
	if text, err := st.Text(); err == nil {
		if p, err = sqlparser.New(text); err != nil {
			return nil, err
		}
	}
	named, err := p.Stage()
	if err == nil {
		err = errors.Join(p.ExpectEnd(), st.ExpectEnd())
	}
	if err != nil {
		return nil, err
	}
	o, path, err := st.findStage(named, "USAGE", "READ")
	if err != nil {
		return nil, err
	}
	r := textResult("name")
	r.columns = append(r.columns, numberColumn("size"), textColumn("md5"), textColumn("last_modified"))
	if st.describe {
		return r, nil
	}
	d := o.detail.(*stage)
	reader, err := st.open(ctx, d)
	if err != nil {
		return nil, err
	}
	scheme, _, _ := strings.Cut(d.url, "://")
	for object, err := range reader.List(ctx, d.pathURL(path)) {
		if err != nil {
			return nil, err
		}
		r.addText(scheme+"://"+object.Bucket+"/"+object.Key, strconv.FormatInt(object.Size, 10), object.ETag, object.Modified.UTC().Format(time.RFC1123))
	}
	return r, nil
}
