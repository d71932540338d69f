package snowflake

import (
	"context"
	"strconv"

	"example.com/ingestion/local/snowflake/fileformat"
	"example.com/ingestion/local/snowflake/sqlparser"
)

// format is a named file format.
type format struct{ options sqlparser.Options }

func createFormat(st *statement, _ context.Context, o, existing *object) (func() error, error) {
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	o.comment = options.Text("COMMENT")
	if existing != nil && existing.detail.(*format).options.Text("TYPE") != options.Text("TYPE") {
		return nil, errInvalid("invalid value [%s] for parameter 'TYPE': the type of an existing file format cannot be changed.", options.Text("TYPE"))
	}
	if _, err := readFormat(options); err != nil {
		return nil, err
	}
	o.detail = &format{options}
	return nil, st.ExpectEnd()
}

// readFormat converts the options of a file format.
func readFormat(o sqlparser.Options) (fileformat.Format, error) {
	f := fileformat.Default(fileformat.Type(o.Text("TYPE")))
	if f.Type != fileformat.CSV && f.Type != fileformat.JSON {
		return f, errUnsupported("file format " + o.Text("TYPE"))
	}
	for key, v := range o {
		switch key {
		case "TYPE", "COMMENT":
		case "COMPRESSION":
			f.Compression = fileformat.Compression(v.Value)
		case "ENCODING":
			f.Encoding = v.Value
		case "REPLACE_INVALID_CHARACTERS":
			f.ReplaceInvalidCharacters = o.True(key)
		case "TRIM_SPACE":
			f.TrimSpace = o.True(key)
		case "FIELD_DELIMITER":
			f.FieldDelimiter = v.Value
		case "SKIP_HEADER":
			n, err := strconv.Atoi(v.Value)
			if err != nil {
				return f, errInvalid("invalid value [%s] for parameter 'SKIP_HEADER'", v.Value)
			}
			f.SkipHeader = n
		case "PARSE_HEADER":
			f.ParseHeader = o.True(key)
		case "FIELD_OPTIONALLY_ENCLOSED_BY":
			f.FieldOptionallyEnclosedBy = noneIsEmpty(v)
		case "ESCAPE":
			f.Escape = noneIsEmpty(v)
		case "ESCAPE_UNENCLOSED_FIELD":
			f.EscapeUnenclosedField = noneIsEmpty(v)
		case "NULL_IF":
			f.NullIf = v.Strings()
		case "EMPTY_FIELD_AS_NULL":
			f.EmptyFieldAsNull = o.True(key)
		case "SKIP_BLANK_LINES":
			f.SkipBlankLines = o.True(key)
		case "ERROR_ON_COLUMN_COUNT_MISMATCH":
			f.ErrorOnColumnCountMismatch = o.True(key)
		case "STRIP_OUTER_ARRAY":
			f.StripOuterArray = o.True(key)
		default:
			return f, errUnsupported("file format option " + key)
		}
	}
	if f.ParseHeader && f.SkipHeader > 0 {
		return f, errInvalid("PARSE_HEADER and SKIP_HEADER cannot be used together.")
	}
	return f, nil
}

// noneIsEmpty returns the text of an option that NONE switches off.
func noneIsEmpty(v sqlparser.Value) string {
	if v.Is("NONE") {
		return ""
	}
	return v.Value
}

// formatOf returns the format that FILE_FORMAT=(…) names or defines; without the
// option, that of the stage.
func (st *statement) formatOf(given sqlparser.Options, s *stage) (fileformat.Format, error) {
	v, ok := given["FILE_FORMAT"]
	if !ok {
		if s == nil || s.format == nil {
			return fileformat.Default(fileformat.CSV), nil
		}
		return readFormat(s.format)
	}
	resolved, err := st.formatOptions(v)
	if err != nil {
		return fileformat.Format{}, err
	}
	return readFormat(resolved)
}

// formatOptions returns the options that FILE_FORMAT=(…) names or defines.
func (st *statement) formatOptions(v sqlparser.Value) (sqlparser.Options, error) {
	name, named := v.Options["FORMAT_NAME"]
	parts := name.Name
	switch {
	case !named && v.Options != nil:
		return v.Options, nil
	case !named: // FILE_FORMAT=name or ='name'
		name, parts = v, v.Name
	}
	if len(parts) == 0 {
		p, err := sqlparser.New(name.Value)
		if err != nil {
			return nil, err
		}
		if parts, err = p.Name(); err != nil {
			return nil, err
		}
	}
	o, err := st.find(kindFormat, parts, "USAGE")
	if err != nil {
		return nil, err
	}
	return o.detail.(*format).options, nil
}
