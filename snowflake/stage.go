package snowflake

import "cmp"

// FileFormat says how Snowflake reads files. What it reads, it keeps as it came
// as far as it can: no text is taken for NULL, no space is trimmed, no empty
// field becomes NULL, and a file with bytes that are not of its encoding is
// refused rather than repaired.
type FileFormat struct {
	Place
	// Type is CSV or JSON; it cannot be altered.
	Type string
	// Delimiter separates the fields of CSV.
	Delimiter string
	// Header takes the names of the columns from the header row (PARSE_HEADER),
	// which COPY by name needs. External tables cannot: they skip the row.
	Header bool
	// Encoding of CSV, as Snowflake calls it. Empty: UTF8. JSON has no other.
	Encoding string
	// StripOuterArray makes a row of each element of a JSON array.
	StripOuterArray bool
	Owner           string
}

// Kind is KindFileFormat.
func (f FileFormat) Kind() Kind { return KindFileFormat }

// Create makes the format if it is missing.
func (f FileFormat) Create() []string {
	return []string{"CREATE FILE FORMAT IF NOT EXISTS " + f.Name() + "\n  " + f.options() + "\n  " + f.Mark().clause()}
}

// Alter sets every option. It fails where Type is another one.
func (f FileFormat) Alter() []string {
	return []string{"CREATE OR ALTER FILE FORMAT " + f.Name() + "\n  " + f.options() + "\n  " + f.Mark().clause()}
}

// Describe lists the format.
func (f FileFormat) Describe() string { return f.show(f.Kind()) }

// Drop drops the format.
func (f FileFormat) Drop() string { return drop(f.Kind(), f.Name()) }

// Mark is the format's comment.
func (f FileFormat) Mark() Mark { return mark(f.Owner, f.options()) }

func (f FileFormat) options() string {
	if f.Type == "JSON" {
		return "TYPE=JSON STRIP_OUTER_ARRAY=" + boolean(f.StripOuterArray) +
			"\n  NULL_IF=() TRIM_SPACE=FALSE REPLACE_INVALID_CHARACTERS=FALSE COMPRESSION=AUTO"
	}
	// The default of ESCAPE_UNENCLOSED_FIELD is a backslash: one at the end of a
	// row would glue the next row to it. Matching by name, the table has columns
	// that the file has not, so that their numbers always differ.
	header := "SKIP_HEADER=1"
	if f.Header {
		header = "PARSE_HEADER=TRUE ERROR_ON_COLUMN_COUNT_MISMATCH=FALSE"
	}
	return "TYPE=CSV FIELD_DELIMITER=" + Literal(f.Delimiter) + " " + header +
		"\n  FIELD_OPTIONALLY_ENCLOSED_BY='\"' ESCAPE=NONE ESCAPE_UNENCLOSED_FIELD=NONE" +
		"\n  NULL_IF=() EMPTY_FIELD_AS_NULL=FALSE TRIM_SPACE=FALSE SKIP_BLANK_LINES=TRUE" +
		"\n  REPLACE_INVALID_CHARACTERS=FALSE ENCODING=" + Literal(cmp.Or(f.Encoding, "UTF8")) + " COMPRESSION=AUTO"
}

// reference is the format as an option of other objects, which takes the
// quoted name between quotes.
func (f FileFormat) reference() string {
	return "FILE_FORMAT=(FORMAT_NAME=" + Literal(f.Name()) + ")"
}

// Stage shows a prefix of a bucket to Snowflake. It is never replaced: pipes
// would stop and external tables detach. To make one needs no access to the
// bucket; the first use does.
type Stage struct {
	Place
	// URL ends in a slash: without it "orders" would show "orders-old/" too.
	URL string
	// Integration is a name, unquoted.
	Integration string
	Format      FileFormat
	Owner       string
}

// Kind is KindStage.
func (s Stage) Kind() Kind { return KindStage }

// Create makes the stage if it is missing.
func (s Stage) Create() []string {
	return []string{"CREATE STAGE IF NOT EXISTS " + s.Name() + "\n  " + s.options() + "\n  " + s.Mark().clause()}
}

// Alter sets everything. A pipe on the stage has to be recreated after it.
func (s Stage) Alter() []string {
	return []string{"ALTER STAGE " + s.Name() + " SET\n  " + s.options() + "\n  " + s.Mark().clause()}
}

// Describe lists the stage.
func (s Stage) Describe() string { return s.show(s.Kind()) }

// Drop drops the stage, not the files.
func (s Stage) Drop() string { return drop(s.Kind(), s.Name()) }

// Mark is the stage's comment.
func (s Stage) Mark() Mark { return mark(s.Owner, s.options()) }

func (s Stage) options() string {
	return "URL=" + Literal(s.URL) + " STORAGE_INTEGRATION=" + Identifier(s.Integration) + "\n  " + s.Format.reference()
}
