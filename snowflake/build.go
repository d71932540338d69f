package snowflake

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"example.com/ingestion/feed"
)

// Plan returns the feed's objects. The error lists everything that is wrong
// with the spec and the names; the Plan is then empty.
func (s Spec) Plan(n Names) (Plan, error) {
	s = s.WithDefaults()
	if err := errors.Join(s.Validate(), n.validate(s)); err != nil {
		return Plan{}, err
	}
	derived := func(ending string) ObjectName {
		return ObjectName{Database: s.Database, Schema: s.Schema, Object: s.Table + ending}
	}
	provider := providers[n.partition()]
	format := s.format(derived("_FORMAT"), n)
	stage := Stage{
		ObjectName: derived("_STAGE"), URL: provider.scheme + n.Bucket + "/" + s.Prefix,
		Integration: s.Integration, Format: format, Owner: n.Owner,
	}
	plan := Plan{Format: format, Stage: stage}
	if !s.ExistingIntegration {
		plan.Integration = &StorageIntegration{
			Integration: s.Integration, Provider: provider.name, RoleARN: n.RoleARN,
			ExternalID: s.ExternalID, Locations: []string{stage.URL}, Owner: n.Owner,
		}
	}
	table := derived("")
	if s.Load == ExternalTable {
		plan.ExternalTable = s.externalTable(table, stage, n)
	} else {
		plan.Table = &Table{ObjectName: table, Columns: s.tableColumns(), Owner: n.Owner}
	}
	if s.Stream {
		plan.Stream = &Stream{ObjectName: derived("_STREAM"), On: table.Name(), External: s.Load == ExternalTable, Owner: n.Owner}
	}
	switch s.Load {
	case Continuous:
		plan.Pipe = &Pipe{ObjectName: s.PipeName(), Copy: s.copy(table, stage), TopicARN: n.TopicARN, Owner: n.Owner}
	case Bulk:
		plan.Task = &Task{
			ObjectName: derived("_TASK"), Schedule: strings.Join(strings.Fields(s.Schedule), " "), TimeZone: s.TimeZone,
			Copy: s.copy(table, stage), Owner: n.Owner,
		}
	}
	view := ObjectName{Database: s.Database, Schema: s.Schema, Object: s.View}
	query := viewQuery{Spec: s, table: table.Name(), bucket: n.Bucket}
	plan.View = View{ObjectName: view, Query: query.records(), Owner: n.Owner}
	if len(s.Key) > 0 {
		plan.Latest = &View{ObjectName: s.LatestName(), Query: query.latest(), Owner: n.Owner}
	}
	return plan, nil
}

// PipeName returns the name of the pipe of a feed with Load Continuous.
func (s Spec) PipeName() ObjectName {
	return ObjectName{Database: s.Database, Schema: s.Schema, Object: s.Table + "_PIPE"}
}

func (s Spec) format(name ObjectName, n Names) FileFormat {
	if s.delimited() {
		f := FileFormat{ObjectName: name, Type: "CSV", Delimiter: s.Format.Delimiter, Header: s.Load != ExternalTable, Owner: n.Owner}
		f.NoQuotes = s.Format.Quotes == feed.NoQuotes
		f.OneColumn = len(s.Format.Columns) == 1
		if s.Format.Encoding == feed.Latin1 {
			f.Encoding = "WINDOWS1252" // what feed.Latin1 means, see there
		}
		return f
	}
	// Each line of a part or of the changes is one document. A source file may
	// also be an array, which the option splits into rows.
	array := s.From == FromFiles && s.Format.Kind == feed.JSON
	return FileFormat{ObjectName: name, Type: "JSON", StripOuterArray: array, Owner: n.Owner}
}

// copy returns the COPY INTO the raw table. Delimited text is loaded by column
// name, so that the statement, and with it the pipe, does not change when a
// column is added.
func (s Spec) copy(table ObjectName, stage Stage) Copy {
	c := Copy{Table: table.Name(), Stage: stage, Pattern: pattern(s.Suffixes)}
	if s.delimited() {
		for _, f := range fileColumns {
			c.Metadata = append(c.Metadata, MetadataColumn{f.name, f.metadata})
		}
		return c
	}
	add := func(name, expression string) {
		c.Columns, c.Select = append(c.Columns, name), append(c.Select, expression)
	}
	if s.From == FromFiles {
		add(dataColumn, "$1")
	} else {
		add(dataColumn, member("$1", "data"))
	}
	for _, name := range s.lineColumns() {
		add(name, s.fromLine("$1", name))
	}
	for _, f := range fileColumns {
		add(f.name, f.metadata)
	}
	return c
}

func (s Spec) externalTable(name ObjectName, stage Stage, n Names) *External {
	e := &External{
		ObjectName: name, Columns: s.virtualColumns(), Stage: stage,
		Pattern: pattern(s.Suffixes), TopicARN: n.TopicARN, Owner: n.Owner,
	}
	if s.From != FromFiles {
		e.Partition = dateColumn
	}
	return e
}

// virtualColumns returns the columns of the external table. It has less metadata
// of a file than a COPY; the keys of parts and changes contain a date.
func (s Spec) virtualColumns() []VirtualColumn {
	var columns []VirtualColumn
	for _, f := range fileColumns[:2] {
		columns = append(columns, VirtualColumn{f.name, f.kind, f.metadata})
	}
	if s.From == FromFiles {
		return columns
	}
	// METADATA$FILENAME is the whole key. The date follows the prefix, as <yyyy>/<mm>/<dd>.
	first := strings.Count(s.Prefix, "/") + 1
	var date []string
	for i := range 3 {
		date = append(date, fmt.Sprintf("SPLIT_PART(METADATA$FILENAME,'/',%d)", first+i))
	}
	return append(columns, VirtualColumn{dateColumn, "DATE", "TO_DATE(" + strings.Join(date, "||'-'||") + ",'YYYY-MM-DD')"})
}

// pattern returns a regular expression for keys that end with one of the
// suffixes. COPY compares it with the whole path, a pipe with the path after the
// stage's; the leading .* matches both. A dot is written as [.], because a
// backslash would have to be escaped twice; other special characters still get one.
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
