package feed

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
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
	s.validateShapes(&errs)
	// 8 KiB is the smallest part worth a request; above 512 MiB a part would
	// outlast one invocation of load.
	if s.PartBytes < 8<<10 || s.PartBytes > 512<<20 {
		add("PartBytes", "%d is outside %d to %d", s.PartBytes, 8<<10, 512<<20)
	}
	s.Format.validate(add)
	s.Limits.validate(add)
	if s.RecordKey != nil {
		s.RecordKey.validate(add)
		if s.NoTable {
			add("RecordKey", "is of the table, and NoTable leaves the records out of it: give one of the two")
		}
	}
	s.validateExpiry(add)
	return errors.Join(errs...)
}

func (s Spec) validateExpiry(add func(string, string, ...any)) {
	switch {
	case s.ExpireAfterDays < 0 || s.ExpireAfterDays > MaxExpireDays:
		add("ExpireAfterDays", "%d is outside 1 to %d, or 0 for ever", s.ExpireAfterDays, MaxExpireDays)
	case s.ExpireAfterDays > 0 && s.NoTable:
		add("ExpireAfterDays", "is of the table, and NoTable leaves the records out of it: give one of the two")
	case s.ExpireAfterDays == 0 && s.ExpireInSnowflake:
		add("ExpireInSnowflake", "is about records that expire: give ExpireAfterDays too")
	}
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
	check("MaxRecordsPerByte", int64(l.MaxRecordsPerByte), 1, 1_000)
}

func (s Source) validate(add func(string, string, ...any)) {
	if len(s.Prefix) > 512 {
		add("Source.Prefix", "has %d bytes, the limit is 512", len(s.Prefix))
	}
	if strings.HasPrefix(s.Prefix, "/") {
		add("Source.Prefix", "%q starts with a slash: keys of S3 objects do not", s.Prefix)
	}
}

func (s Spec) validateShapes(errs *[]error) {
	check := func(place string, shape *Shape) {
		if shape == nil {
			return
		}
		for _, err := range shape.problems() {
			*errs = append(*errs, fmt.Errorf("feed %q: %s%w", s.Feed, place, err))
		}
	}
	check("", s.Shape)
	for i, source := range s.Sources {
		check(fmt.Sprintf("Sources[%d].", i), source.Shape)
	}
}
