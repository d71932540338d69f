package snowflake

import (
	"context"
	"strings"

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
