package snowflake

import (
	"context"
	"strconv"

	"example.com/ingestion/local/snowflake/files"
)

// format is a named file format.
type format struct{ options options }

func makeFormat(st *statement, _ context.Context, o, existing *object) (func() error, error) {
	options, err := st.readOptions()
	if err != nil {
		return nil, err
	}
	o.comment = options.text("COMMENT")
	if existing != nil && existing.detail.(*format).options.text("TYPE") != options.text("TYPE") {
		return nil, errInvalid("invalid value [%s] for parameter 'TYPE': the type of an existing file format cannot be changed.", options.text("TYPE"))
	}
	if _, err := readFormat(options); err != nil {
		return nil, err
	}
	o.detail = &format{options}
	return nil, st.end()
}

// readFormat turns the options of a file format into what package files reads by.
func readFormat(o options) (files.Format, error) {
	f := files.Default(files.Type(o.text("TYPE")))
	if f.Type != files.CSV && f.Type != files.JSON {
		return f, errUnsupported("file format " + o.text("TYPE"))
	}
	for key, v := range o {
		switch key {
		case "TYPE", "COMMENT":
		case "COMPRESSION":
			f.Compression = files.Compression(v.val)
		case "ENCODING":
			f.Encoding = v.val
		case "REPLACE_INVALID_CHARACTERS":
			f.ReplaceInvalidCharacters = o.flag(key)
		case "TRIM_SPACE":
			f.TrimSpace = o.flag(key)
		case "FIELD_DELIMITER":
			f.FieldDelimiter = v.val
		case "SKIP_HEADER":
			n, err := strconv.Atoi(v.val)
			if err != nil {
				return f, errInvalid("invalid value [%s] for parameter 'SKIP_HEADER'", v.val)
			}
			f.SkipHeader = n
		case "PARSE_HEADER":
			f.ParseHeader = o.flag(key)
		case "FIELD_OPTIONALLY_ENCLOSED_BY":
			f.FieldOptionallyEnclosedBy = v.none()
		case "ESCAPE":
			f.Escape = v.none()
		case "ESCAPE_UNENCLOSED_FIELD":
			f.EscapeUnenclosedField = v.none()
		case "NULL_IF":
			f.NullIf = v.texts()
		case "EMPTY_FIELD_AS_NULL":
			f.EmptyFieldAsNull = o.flag(key)
		case "SKIP_BLANK_LINES":
			f.SkipBlankLines = o.flag(key)
		case "ERROR_ON_COLUMN_COUNT_MISMATCH":
			f.ErrorOnColumnCountMismatch = o.flag(key)
		case "STRIP_OUTER_ARRAY":
			f.StripOuterArray = o.flag(key)
		default:
			return f, errUnsupported("file format option " + key)
		}
	}
	if f.ParseHeader && f.SkipHeader > 0 {
		return f, errInvalid("PARSE_HEADER and SKIP_HEADER cannot be used together.")
	}
	return f, nil
}

// none is the text of an option for which NONE means nothing.
func (v value) none() string {
	if v.kind == tokWord && v.val == "NONE" {
		return ""
	}
	return v.val
}

// formatOf finds the format that FILE_FORMAT=(…) names or spells out, or the stage's.
func (st *statement) formatOf(given options, s *stage) (files.Format, error) {
	v, ok := given["FILE_FORMAT"]
	if !ok {
		if s == nil || s.format == nil {
			return files.Default(files.CSV), nil
		}
		return readFormat(s.format)
	}
	resolved, err := st.formatOptions(v)
	if err != nil {
		return files.Format{}, err
	}
	return readFormat(resolved)
}

// formatOptions are the options behind FILE_FORMAT=(…).
func (st *statement) formatOptions(v value) (options, error) {
	name, named := v.options["FORMAT_NAME"]
	parts := name.parts
	switch {
	case !named && v.options != nil:
		return v.options, nil
	case !named: // FILE_FORMAT=name or ='name'
		name, parts = v, v.parts
	}
	if len(parts) == 0 {
		p, err := parse(name.val)
		if err != nil {
			return nil, err
		}
		if parts, err = p.name(); err != nil {
			return nil, err
		}
	}
	o, err := st.find(kindFormat, parts, "USAGE")
	if err != nil {
		return nil, err
	}
	return o.detail.(*format).options, nil
}
