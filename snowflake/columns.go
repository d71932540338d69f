package snowflake

import (
	"slices"
	"strconv"
	"strings"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

// Facts of the file that a row came from: the last columns of every table.
var fileColumns = []struct{ name, kind, metadata string }{
	{"_FILE_NAME", "VARCHAR", "METADATA$FILENAME"},
	{"_FILE_ROW", "NUMBER(38,0)", "METADATA$FILE_ROW_NUMBER"},
	{"_FILE_KEY", "VARCHAR", "METADATA$FILE_CONTENT_KEY"},
	{"_FILE_MODIFIED", "TIMESTAMP_NTZ", "METADATA$FILE_LAST_MODIFIED"},
	// The start of the scan and not CURRENT_TIMESTAMP, which a pipe evaluates
	// hours early (documentation: "CREATE PIPE").
	{"_LOADED_AT", "TIMESTAMP_LTZ", "METADATA$START_SCAN_TIME"},
}

const (
	dataColumn = "DATA"
	// dateColumn partitions an external table by the date in its keys.
	dateColumn = "_DATE"
)

// reserved reports whether name is one of the columns about the file.
func reserved(name string) bool {
	for _, c := range fileColumns {
		if stored(name) == c.name {
			return true
		}
	}
	return stored(name) == dateColumn
}

// recordColumns are what a part's line says of its record, by the members'
// names in upper case; changeColumns what a change has before them.
var (
	recordColumns = []string{"ID", "FEED", "UPLOAD", "SOURCE", "VERSION", "ENTRY", "ORDINAL"}
	changeColumns = []string{"EVENT", "SEQUENCE", "EVENT_ID", "CHANGED_AT", "PK", "SK"}
)

// lineColumns are the columns of a row's line.
func (s Spec) lineColumns() []string {
	switch s.From {
	case FromParts:
		return recordColumns
	case FromTable:
		return slices.Concat(changeColumns, recordColumns)
	}
	return nil
}

// ownColumns are those of them that the view shows.
func (s Spec) ownColumns() []string {
	if s.From == FromTable {
		return slices.Concat([]string{"PK", "SK", "SEQUENCE", "CHANGED_AT"}, recordColumns)
	}
	return s.lineColumns()
}

// fromLine is the expression of a line's column over the line v. A part's line
// has no member for its upload, with which the record's ID begins.
func (s Spec) fromLine(v, name string) string {
	if s.From == FromParts && name == "UPLOAD" {
		return "SUBSTR(" + member(v, "id") + "::VARCHAR,1," + strconv.Itoa(ids.IDLength) + ")"
	}
	return member(v, strings.ToLower(name)) + "::VARCHAR"
}

// delimited says whether the rows are text in columns, and not a VARIANT.
func (s Spec) delimited() bool { return s.From == FromFiles && s.Format.Kind == feed.CSV }

// keys are the object keys that lead to c inside a record. A row of delimited
// text is flat: a dot in the name of its columns is only a dot.
func (s Spec) keys(c Column) []string {
	if c.Path == "" || s.Format.Kind == feed.CSV {
		return []string{c.path()}
	}
	return strings.Split(c.Path, ".")
}

// tableColumns are the raw table's.
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

// member is an expression: the VARIANT v, or the value under keys in it.
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
