package snowflake

import (
	"slices"
	"strings"

	"example.com/ingestion/feed"
)

// Prefixes of the landing bucket, before a feed's name.
const (
	// PartsPrefix is where unpack writes parts.
	PartsPrefix = feed.DefaultLandingPrefix
	// ChangesPrefix is where export writes the changes of the DynamoDB table.
	ChangesPrefix = feed.DefaultChangesPrefix
)

// WithDefaults returns s with every unset field that has a default filled in.
func (s Spec) WithDefaults() Spec {
	setDefault(&s.From, FromParts)
	setDefault(&s.Load, Continuous)
	if s.Table != "" {
		setDefault(&s.View, s.Table+"_LATEST")
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

func setDefault[T ~string](field *T, value T) {
	if *field == "" {
		*field = value
	}
}
