package snowflake

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"example.com/ingestion/feed"
)

// Plan makes the feed's objects. The error has everything that is wrong with
// spec and names; nothing is then of use.
func (s Spec) Plan(n Names) (Plan, error) {
	s = s.WithDefaults()
	if err := errors.Join(s.Validate(), n.validate(s)); err != nil {
		return Plan{}, err
	}
	place := func(ending string) Place {
		return Place{Database: s.Database, Schema: s.Schema, Object: s.Table + ending}
	}
	provider := providers[n.partition()]
	format := s.format(place("_FORMAT"), n)
	stage := Stage{
		Place: place("_STAGE"), URL: provider.scheme + n.Bucket + "/" + s.Prefix,
		Integration: s.Integration, Format: format, Owner: n.Owner,
	}
	plan := Plan{Format: format, Stage: stage}
	if !s.ExistingIntegration {
		plan.Integration = &StorageIntegration{
			Integration: s.Integration, Provider: provider.name, RoleARN: n.RoleARN,
			ExternalID: s.ExternalID, Locations: []string{stage.URL}, Owner: n.Owner,
		}
	}
	table := place("")
	if s.Load == ExternalTable {
		plan.ExternalTable = s.externalTable(table, stage, n)
	} else {
		plan.Table = &Table{Place: table, Columns: s.tableColumns(), Owner: n.Owner}
	}
	if s.Stream {
		plan.Stream = &Stream{Place: place("_STREAM"), On: table.Name(), External: s.Load == ExternalTable, Owner: n.Owner}
	}
	switch s.Load {
	case Continuous:
		plan.Pipe = &Pipe{Place: s.PipePlace(), Copy: s.copy(table, stage), TopicARN: n.TopicARN, Owner: n.Owner}
	case Bulk:
		plan.Task = &Task{
			Place: place("_TASK"), Schedule: strings.Join(strings.Fields(s.Schedule), " "), TimeZone: s.TimeZone,
			Copy: s.copy(table, stage), Owner: n.Owner,
		}
	}
	view := Place{Database: s.Database, Schema: s.Schema, Object: s.View}
	plan.View = View{Place: view, Query: s.query(table.Name()), Owner: n.Owner}
	return plan, nil
}

// PipePlace is where the pipe of a feed with Load Continuous is.
func (s Spec) PipePlace() Place {
	return Place{Database: s.Database, Schema: s.Schema, Object: s.Table + "_PIPE"}
}

func (s Spec) format(place Place, n Names) FileFormat {
	if s.delimited() {
		f := FileFormat{Place: place, Type: "CSV", Delimiter: s.Format.Delimiter, Header: s.Load != ExternalTable, Owner: n.Owner}
		if s.Format.Encoding == feed.Latin1 {
			f.Encoding = "ISO88591"
		}
		return f
	}
	// The lines of parts and changes are documents of their own. With the option
	// a source file may be an array, a document or several.
	array := s.From == FromFiles && s.Format.Kind == feed.JSON
	return FileFormat{Place: place, Type: "JSON", StripOuterArray: array, Owner: n.Owner}
}

// copy is the COPY into the raw table. By name for delimited text, so that it
// stays the same, and the pipe with it, when a column is added.
func (s Spec) copy(table Place, stage Stage) Copy {
	c := Copy{Table: table.Name(), Stage: stage, Pattern: pattern(s.Suffixes)}
	if s.delimited() {
		for _, f := range fileColumns {
			c.Metadata = append(c.Metadata, MetadataColumn{f.name, f.metadata})
		}
		return c
	}
	put := func(name, expression string) {
		c.Columns, c.Select = append(c.Columns, name), append(c.Select, expression)
	}
	if s.From == FromFiles {
		put(dataColumn, "$1")
	} else {
		put(dataColumn, member("$1", "data"))
	}
	for _, name := range s.lineColumns() {
		put(name, s.fromLine("$1", name))
	}
	for _, f := range fileColumns {
		put(f.name, f.metadata)
	}
	return c
}

func (s Spec) externalTable(place Place, stage Stage, n Names) *External {
	e := &External{
		Place: place, Columns: s.virtualColumns(), Stage: stage,
		Pattern: pattern(s.Suffixes), TopicARN: n.TopicARN, Owner: n.Owner,
	}
	if s.From != FromFiles {
		e.Partition = dateColumn
	}
	return e
}

// virtualColumns are those of the external table: it knows less of the file
// than a COPY does, and the keys of parts and changes have a date.
func (s Spec) virtualColumns() []VirtualColumn {
	var columns []VirtualColumn
	for _, f := range fileColumns[:2] {
		columns = append(columns, VirtualColumn{f.name, f.kind, f.metadata})
	}
	if s.From == FromFiles {
		return columns
	}
	// METADATA$FILENAME is the whole key. Its date comes after the prefix, as <yyyy>/<mm>/<dd>.
	first := strings.Count(s.Prefix, "/") + 1
	var date []string
	for i := range 3 {
		date = append(date, fmt.Sprintf("SPLIT_PART(METADATA$FILENAME,'/',%d)", first+i))
	}
	return append(columns, VirtualColumn{dateColumn, "DATE", "TO_DATE(" + strings.Join(date, "||'-'||") + ",'YYYY-MM-DD')"})
}

// pattern matches keys that end with one of the suffixes. COPY matches it with
// the whole path, a pipe with what comes after the stage's: .* takes both.
// A dot goes in brackets, because a backslash would need two layers of quotes;
// other special characters still get one.
func pattern(suffixes []string) string {
	if len(suffixes) == 0 {
		return ""
	}
	quoted := make([]string, len(suffixes))
	for i, suffix := range suffixes {
		quoted[i] = strings.ReplaceAll(regexp.QuoteMeta(suffix), `\.`, "[.]")
	}
	if len(quoted) == 1 {
		return ".*" + quoted[0]
	}
	return ".*(" + strings.Join(quoted, "|") + ")"
}
