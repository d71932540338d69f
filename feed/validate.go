package feed

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxNameLength is the longest name of a feed, in characters.
const MaxNameLength = 40

var nameRE = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// Validate reports everything that is wrong with s at once, as errors joined by
// errors.Join. Each names the feed, the field, the given value and what is allowed.
func (s Spec) Validate() error {
	var errs []error
	add := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("feed %q: %s: %s", s.Feed, field, fmt.Sprintf(format, args...)))
	}

	switch {
	case s.Feed == "":
		add("Feed", "is required: give the feed a name, such as \"orders\"")
	case len(s.Feed) > MaxNameLength:
		add("Feed", "has %d characters, the limit is %d: try a shorter name", len(s.Feed), MaxNameLength)
	case !nameRE.MatchString(s.Feed):
		add("Feed", "may have lower-case letters, digits and hyphens only, and starts with a letter")
	}
	checkPrefix(add, "LandingPrefix", s.LandingPrefix)
	checkPrefix(add, "QuarantinePrefix", s.QuarantinePrefix)
	if overlap(s.LandingPrefix, s.QuarantinePrefix) {
		add("QuarantinePrefix", "%q and LandingPrefix %q overlap: what is quarantined would be loaded", s.QuarantinePrefix, s.LandingPrefix)
	}
	for _, p := range []struct{ field, prefix string }{{"LandingPrefix", s.LandingPrefix}, {"QuarantinePrefix", s.QuarantinePrefix}} {
		if overlap(p.prefix, DefaultChangesPrefix) {
			add(p.field, "%q and %q overlap, where the table's changes are kept for Snowflake: choose another", p.prefix, DefaultChangesPrefix)
		}
	}
	for _, source := range s.Sources {
		source.validate(add)
	}
	// 8 KiB is the smallest part worth a request; above 512 MiB a part would
	// outlast one invocation of load.
	if s.PartBytes < 8<<10 || s.PartBytes > 512<<20 {
		add("PartBytes", "%d is outside %d to %d", s.PartBytes, 8<<10, 512<<20)
	}
	s.Format.validate(add)
	s.Limits.validate(add)
	return errors.Join(errs...)
}

func checkPrefix(add func(string, string, ...any), field, p string) {
	switch {
	case p == "":
		add(field, "is empty: the bucket is shared, so parts need a prefix")
	case strings.HasPrefix(p, "/"):
		add(field, "%q starts with a slash: keys of S3 objects do not", p)
	case !strings.HasSuffix(p, "/"):
		add(field, "%q must end with a slash: without it the prefix would match other keys, too", p)
	case len(p) > 200:
		add(field, "has %d bytes, the limit is 200", len(p))
	}
}

func overlap(a, b string) bool {
	return a != "" && b != "" && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
}

func (f Format) validate(add func(string, string, ...any)) {
	if f.Encoding != "" && f.Encoding != Latin1 {
		add("Format.Encoding", "%q is not %q; UTF-8 and UTF-16 are detected and not given", f.Encoding, Latin1)
	}
	switch f.Kind {
	case JSON, NDJSON:
		if f.Delimiter != "" || len(f.Columns) > 0 || f.Quotes != "" {
			add("Format", "Delimiter, Columns and Quotes belong to CSV, this is %s", f.Kind)
		}
		if f.Path != "" && f.Kind == NDJSON {
			add("Format.Path", "%q: NDJSON has no enclosing document: use JSON", f.Path)
		}
		if f.Path != "" {
			for key := range strings.SplitSeq(f.Path, ".") {
				if key == "" {
					add("Format.Path", "%q has an empty key: write object keys separated by dots, such as \"result.items\"", f.Path)
					break
				}
			}
		}
	case CSV:
		f.validateCSV(add)
	case "":
		add("Format", "is required: JSON(), NDJSON() or CSV('|')")
	default:
		add("Format.Kind", "%q is none of json, ndjson, csv", f.Kind)
	}
}

func (f Format) validateCSV(add func(string, string, ...any)) {
	if f.Path != "" {
		add("Format.Path", "%q belongs to JSON, this is csv", f.Path)
	}
	switch r, size := utf8.DecodeRuneInString(f.Delimiter); {
	case f.Delimiter == "":
		add("Format.Delimiter", "is required for CSV")
	case size != len(f.Delimiter) || r >= utf8.RuneSelf || r == '"' || r == '\n' || r == '\r' || r == 0:
		add("Format.Delimiter", "%q must be one ASCII character other than a quote, a line break and NUL", f.Delimiter)
	}
	if f.Quotes != "" && f.Quotes != NoQuotes && f.Quotes != TrustQuotes {
		add("Format.Quotes", "%q is neither %q nor %q", f.Quotes, NoQuotes, TrustQuotes)
	}
	seen := make(map[string]bool, len(f.Columns))
	for i, c := range f.Columns {
		if c == "" {
			add("Format.Columns", "column %d has no name", i+1)
		} else if seen[c] {
			add("Format.Columns", "%q is given twice", c)
		}
		seen[c] = true
	}
}

func (l Limits) validate(add func(string, string, ...any)) {
	check := func(field string, v, low, high int64) {
		if v < low || v > high {
			add("Limits."+field, "%d is outside %d to %d", v, low, high)
		}
	}
	check("MaxEntries", int64(l.MaxEntries), 1, 10_000_000)
	check("MaxEntryBytes", l.MaxEntryBytes, 1, 100<<40)
	check("MaxRatio", l.MaxRatio, 1, 1_000_000)
	// 128 MiB: the largest VARIANT, see Snowflake's "Data type considerations".
	check("MaxRecordBytes", int64(l.MaxRecordBytes), 1<<10, 128<<20)
	check("MaxDepth", int64(l.MaxDepth), 1, 16)
	check("MaxColumns", int64(l.MaxColumns), 1, 1_000_000)
}

func (s Source) validate(add func(string, string, ...any)) {
	if len(s.Prefix) > 512 {
		add("Source.Prefix", "has %d bytes, the limit is 512", len(s.Prefix))
	}
	if strings.HasPrefix(s.Prefix, "/") {
		add("Source.Prefix", "%q starts with a slash: keys of S3 objects do not", s.Prefix)
	}
}
