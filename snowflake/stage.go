package snowflake

import "cmp"

// FileFormat is a file format. It keeps values as they are in the file: no text
// and no empty field becomes NULL, no space is trimmed, and a file with bytes that
// are invalid in its encoding is rejected instead of repaired.
type FileFormat struct {
	ObjectName
	// Type is CSV or JSON; it cannot be altered.
	Type string
	// Delimiter separates the fields of CSV.
	Delimiter string
	// Header reads the names of the columns from the header row (PARSE_HEADER),
	// which COPY by name needs. External tables do not support it and skip the row.
	Header bool
	// NoQuotes reads a quote in CSV as an ordinary character.
	NoQuotes bool
	// OneColumn makes an empty line a row, which it is in a file with one column.
	OneColumn bool
	// Encoding of CSV, as Snowflake names it. Empty for UTF8, the only one of JSON.
	Encoding string
	// StripOuterArray reads each element of a JSON array as a row.
	StripOuterArray bool
	Owner           string
}

// Kind returns KindFileFormat.
func (f FileFormat) Kind() Kind { return KindFileFormat }

// Create creates the format if it does not exist.
func (f FileFormat) Create() []string {
	return []string{"CREATE FILE FORMAT IF NOT EXISTS " + f.Name() + "\n  " + f.options() + "\n  " + f.Comment().clause()}
}

// Alter sets every option. It fails if Type differs.
func (f FileFormat) Alter() []string {
	return []string{"CREATE OR ALTER FILE FORMAT " + f.Name() + "\n  " + f.options() + "\n  " + f.Comment().clause()}
}

// Describe lists the format.
func (f FileFormat) Describe() string { return f.show(f.Kind()) }

// Drop drops the format.
func (f FileFormat) Drop() string { return drop(f.Kind(), f.Name()) }

// Comment returns the format's comment.
func (f FileFormat) Comment() Comment { return newComment(f.Owner, f.options()) }

func (f FileFormat) options() string {
	if f.Type == "JSON" {
		return "TYPE=JSON STRIP_OUTER_ARRAY=" + boolean(f.StripOuterArray) +
			"\n  NULL_IF=() TRIM_SPACE=FALSE REPLACE_INVALID_CHARACTERS=FALSE COMPRESSION=AUTO"
	}
	// The default of ESCAPE_UNENCLOSED_FIELD is a backslash, which at the end of a
	// row would join the next row to it. ERROR_ON_COLUMN_COUNT_MISMATCH is off
	// because the table has columns that the file does not have.
	header := "SKIP_HEADER=1"
	if f.Header {
		header = "PARSE_HEADER=TRUE ERROR_ON_COLUMN_COUNT_MISMATCH=FALSE"
	}
	enclosed := `'"'`
	if f.NoQuotes {
		enclosed = "NONE"
	}
	// As in unpack, an empty line is a record in a file with one column.
	return "TYPE=CSV FIELD_DELIMITER=" + Literal(f.Delimiter) + " " + header +
		"\n  FIELD_OPTIONALLY_ENCLOSED_BY=" + enclosed + " ESCAPE=NONE ESCAPE_UNENCLOSED_FIELD=NONE" +
		"\n  NULL_IF=() EMPTY_FIELD_AS_NULL=FALSE TRIM_SPACE=FALSE SKIP_BLANK_LINES=" + boolean(!f.OneColumn) +
		"\n  REPLACE_INVALID_CHARACTERS=FALSE ENCODING=" + Literal(cmp.Or(f.Encoding, "UTF8")) + " COMPRESSION=AUTO"
}

// reference returns the option of other objects that refers to the format. Its
// value is the quoted name as a string constant.
func (f FileFormat) reference() string {
	return "FILE_FORMAT=(FORMAT_NAME=" + Literal(f.Name()) + ")"
}

// Stage is an external stage: a prefix of a bucket. It is never replaced, because
// pipes and external tables that use it would stop working. Creating a stage does
// not access the bucket; the first use does.
type Stage struct {
	ObjectName
	// URL ends with a slash: without it "orders" would include "orders-old/".
	URL string
	// Integration is the name of the storage integration, unquoted.
	Integration string
	Format      FileFormat
	Owner       string
}

// Kind returns KindStage.
func (s Stage) Kind() Kind { return KindStage }

// Create creates the stage if it does not exist.
func (s Stage) Create() []string {
	return []string{"CREATE STAGE IF NOT EXISTS " + s.Name() + "\n  " + s.options() + "\n  " + s.Comment().clause()}
}

// Alter sets every option. A pipe that uses the stage has to be replaced afterwards.
func (s Stage) Alter() []string {
	return []string{"ALTER STAGE " + s.Name() + " SET\n  " + s.options() + "\n  " + s.Comment().clause()}
}

// List lists the files of the stage; column name has their URLs.
// https://docs.snowflake.com/en/sql-reference/sql/list
func (s Stage) List() string { return "LIST " + Literal("@"+s.Name()) }

// Describe lists the stage.
func (s Stage) Describe() string { return s.show(s.Kind()) }

// Drop drops the stage, not the files.
func (s Stage) Drop() string { return drop(s.Kind(), s.Name()) }

// Comment returns the stage's comment.
func (s Stage) Comment() Comment { return newComment(s.Owner, s.options()) }

func (s Stage) options() string {
	return "URL=" + Literal(s.URL) + " STORAGE_INTEGRATION=" + Identifier(s.Integration) + "\n  " + s.Format.reference()
}
