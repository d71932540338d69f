package snowflake

import (
	"slices"
	"strings"

	"example.com/ingestion/feed"
)

// Prefixes of keys in the landing bucket. A feed's name follows them.
const (
	// PartsPrefix is the prefix of parts, which function unpack writes.
	PartsPrefix = feed.DefaultLandingPrefix
	// ChangesPrefix is the prefix of the changes of the DynamoDB table, which
	// function export writes.
	ChangesPrefix = feed.DefaultChangesPrefix
)

// WithDefaults returns a copy of s in which unset fields have their defaults.
func (s Spec) WithDefaults() Spec {
	setDefault(&s.From, FromParts)
	setDefault(&s.Load, Continuous)
	if s.Table != "" {
		setDefault(&s.View, s.Table+"_RECORDS")
	}
	setDefault(&s.Integration, strings.ToUpper(strings.ReplaceAll(s.Feed, "-", "_"))+"_INTEGRATION")
	if s.Load == Bulk {
		setDefault(&s.TimeZone, "UTC")
	}
	switch s.From {
	case FromParts:
		setDefault(&s.Prefix, PartsPrefix+s.Feed+"/")
	case FromTable:
		setDefault(&s.Prefix, ChangesPrefix+s.Feed+"/")
	}
	s.Columns = slices.Clone(s.Columns)
	if len(s.Columns) == 0 {
		for _, name := range s.Format.Columns {
			s.Columns = append(s.Columns, Column{Name: name})
		}
	}
	for i := range s.Columns {
		setDefault(&s.Columns[i].Type, "VARCHAR")
	}
	return s
}

// LatestName returns the name of the view with the newest record of each key.
func (s Spec) LatestName() ObjectName {
	return ObjectName{Database: s.Database, Schema: s.Schema, Object: s.Table + "_LATEST"}
}

func setDefault[T ~string](field *T, value T) {
	if *field == "" {
		*field = value
	}
}
