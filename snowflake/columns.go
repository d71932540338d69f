package snowflake

import (
	"slices"
	"strconv"
	"strings"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

// fileColumns has the metadata of the file that a row was loaded from: the last
// columns of every table.
var fileColumns = []struct{ name, kind, metadata string }{
	{"_FILE_NAME", "VARCHAR", "METADATA$FILENAME"},
	{"_FILE_ROW", "NUMBER(38,0)", "METADATA$FILE_ROW_NUMBER"},
	{"_FILE_KEY", "VARCHAR", "METADATA$FILE_CONTENT_KEY"},
	{"_FILE_MODIFIED", "TIMESTAMP_NTZ", "METADATA$FILE_LAST_MODIFIED"},
	// CURRENT_TIMESTAMP would be wrong: a pipe may evaluate it hours before it loads.
	// https://docs.snowflake.com/en/sql-reference/sql/create-pipe#usage-notes
	{"_LOADED_AT", "TIMESTAMP_LTZ", "METADATA$START_SCAN_TIME"},
}

const (
	dataColumn = "DATA"
	// dateColumn partitions an external table by the date in the keys.
	dateColumn = "_DATE"
)

// reserved reports whether name is one of the columns with metadata of the file.
func reserved(name string) bool {
	for _, c := range fileColumns {
		if stored(name) == c.name {
			return true
		}
	}
	return stored(name) == dateColumn || stored(name) == errorsColumn
}

// The columns made from the members of a line, whose names they have in upper case.
var (
	// recordColumns describe the record of a line in a part.
	recordColumns = []string{"ID", "FEED", "UPLOAD", "SOURCE", "VERSION", "ENTRY", "ORDINAL"}
	// changeColumns precede them for a change of the DynamoDB table.
	changeColumns = []string{"EVENT", "SEQUENCE", "EVENT_ID", "CHANGED_AT", "PK", "SK"}
	// viewFileColumns are those of recordColumns that the view of FromFiles has.
	viewFileColumns = []string{"ID", "UPLOAD", "SOURCE"}
)

// timeColumn has the time of the source object, by which the versions of a record are
// ordered. Only feeds with a key have it: another column would replace every pipe.
const timeColumn = "SOURCE_TIME"

// errorsColumn has the names of the declared columns whose value the type cannot hold.
const errorsColumn = "_CONVERSION_ERRORS"

// lineColumns returns the columns made from the members of a line.
func (s Spec) lineColumns() []string {
	var key []string
	if len(s.Key) > 0 {
		key = []string{timeColumn}
	}
	switch s.From {
	case FromParts:
		return slices.Concat(recordColumns, key)
	case FromTable:
		return slices.Concat(changeColumns, recordColumns, key)
	}
	return nil
}

// viewLineColumns returns the columns that the view has of a record's origin.
func (s Spec) viewLineColumns() []string {
	switch s.From {
	case FromTable:
		return slices.Concat([]string{"PK", "SK", "SEQUENCE", "CHANGED_AT"}, s.lineColumns()[len(changeColumns):])
	case FromFiles:
		return viewFileColumns
	}
	return s.lineColumns()
}

// fromLine returns the expression for a column over the line v. A line of a part
// has no member for the upload ID: it is the start of the record's ID.
func (s Spec) fromLine(v, name string) string {
	if s.From == FromParts && name == "UPLOAD" {
		return "SUBSTR(" + member(v, "id") + "::VARCHAR,1," + strconv.Itoa(ids.IDLength) + ")"
	}
	return member(v, strings.ToLower(name)) + "::VARCHAR"
}

// delimited reports whether the table has a column for each field of delimited
// text, instead of one VARIANT.
func (s Spec) delimited() bool { return s.From == FromFiles && s.Format.Kind == feed.CSV }

// keys returns the path of object keys to c inside a record. In delimited text
// a dot in a column's name has no meaning.
func (s Spec) keys(c Column) []string {
	if c.Path == "" || s.Format.Kind == feed.CSV || s.Format.Kind == feed.FixedWidth {
		return []string{c.path()}
	}
	return strings.Split(c.Path, ".")
}

// tableColumns returns the columns of the raw table.
func (s Spec) tableColumns() []TableColumn {
	var columns []TableColumn
	if s.delimited() {
		for _, name := range s.Format.Columns {
			columns = append(columns, TableColumn{name, "VARCHAR"})
		}
	} else {
		columns = append(columns, TableColumn{dataColumn, "VARIANT"})
	}
	for _, name := range s.lineColumns() {
		columns = append(columns, TableColumn{name, "VARCHAR"})
	}
	for _, c := range fileColumns {
		columns = append(columns, TableColumn{c.name, c.kind})
	}
	return columns
}

// member returns the expression for the value under keys in the VARIANT v;
// without keys, v itself.
func member(v string, keys ...string) string {
	if len(keys) == 0 {
		return v
	}
	path := make([]string, len(keys))
	for i, k := range keys {
		path[i] = `"` + strings.ReplaceAll(k, `"`, `""`) + `"`
	}
	return v + ":" + strings.Join(path, ".")
}
