package snowflake

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/sqltext"
)

// maxIdentifier is the maximum length of an identifier, in characters.
// https://docs.snowflake.com/en/sql-reference/identifiers-syntax
const maxIdentifier = 255

// derivedEndings has the endings of the names that are derived from the table's.
var derivedEndings = []string{"_FORMAT", "_STAGE", "_PIPE", "_TASK", "_STREAM", "_LATEST"}

var (
	externalIDRE = regexp.MustCompile(`^[\w+=,.@:/-]*$`)
	prefixRE     = regexp.MustCompile(`^[^\x00-\x1f\x7f]*$`)
)

// adder adds an error about a field. The message says what is wrong and the remedy.
type adder func(field, format string, args ...any)

// Validate returns everything that is wrong with s, joined into one error. Call it
// on the result of WithDefaults.
func (s Spec) Validate() error {
	var errs []error
	add := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("feed %q: Snowflake.%s: %s", s.Feed, field, fmt.Sprintf(format, args...)))
	}
	s.validateNames(add)
	s.validateLocation(add)
	switch s.From {
	case FromParts, FromFiles, FromTable:
	default:
		add("From", "%q is not one of parts, files, table: use FromParts(), FromFiles() or FromTable()", s.From)
	}
	s.validateLoad(add)
	if s.From == FromFiles {
		s.validateFiles(add)
	}
	s.validateColumns(add)
	s.validateKey(add)
	s.validateReaders(add)
	return errors.Join(errs...)
}

func (s Spec) validateNames(add adder) {
	checkName(add, "Database", s.Database, 0)
	checkName(add, "Schema", s.Schema, 0)
	longest := 0
	for _, ending := range derivedEndings {
		longest = max(longest, len(ending))
	}
	checkName(add, "Table", s.Table, longest)
	if s.Table != "" {
		checkName(add, "View", s.View, 0)
	}
	checkName(add, "Integration", s.Integration, 0)
	if s.Table != "" && stored(s.View) == stored(s.Table) {
		add("View", "%q is also the table's name: tables and views share one namespace, choose another name", s.View)
	}
	if s.Table != "" && len(s.Key) > 0 && stored(s.View) == s.LatestName().StoredName() {
		add("View", "%q is the name of the view with the newest record of each key, which a feed with a RecordKey has too: choose another name", s.View)
	}
	switch n := len(s.ExternalID); {
	case n == 0 && s.ExistingIntegration:
	case n < 2 || n > 1224:
		add("ExternalID", "has %d characters, IAM allows 2 to 1224", n)
	case !externalIDRE.MatchString(s.ExternalID):
		add("ExternalID", "%q may only have letters, digits and _+=,.@:/-", s.ExternalID)
	}
}

// checkName checks an identifier to which up to room characters are appended.
func checkName(add adder, field, name string, room int) {
	n := utf8.RuneCountInString(name)
	switch {
	case name == "":
		add(field, "is required")
	case n > maxIdentifier-room && room > 0:
		add(field, "has %d characters, the limit is %d, because the names derived from it may have %d", n, maxIdentifier-room, maxIdentifier)
	case n > maxIdentifier:
		add(field, "has %d characters, the limit is %d", n, maxIdentifier)
	default:
		checkText(add, field, name)
	}
}

func checkText(add adder, field, text string) {
	switch {
	case strings.ContainsRune(text, 0):
		add(field, "%q has the character NUL, which is not allowed in SQL", text)
	case !utf8.ValidString(text):
		add(field, "%q is not UTF-8", text)
	}
}

func (s Spec) validateLocation(add adder) {
	switch p := s.Prefix; {
	case p == "":
		if s.From == FromParts || s.From == FromTable {
			add("Prefix", "is empty: the bucket is shared, so the feed's objects need a prefix")
		}
	case strings.HasPrefix(p, "/"):
		add("Prefix", "%q starts with a slash: keys of S3 objects do not", p)
	case !strings.HasSuffix(p, "/"):
		add("Prefix", "%q must end with a slash: without it the stage includes other prefixes that start with the same text; with FromFiles end the source's prefix with a slash", p)
	case len(p) > 512:
		add("Prefix", "has %d bytes, the limit is 512", len(p))
	case !prefixRE.MatchString(p) || !utf8.ValidString(p):
		add("Prefix", "%q has control characters or is not UTF-8", p)
	}
	if len(s.Suffixes) > 0 && s.From != FromFiles {
		add("Suffixes", "%q limit source files and are only allowed with FromFiles", s.Suffixes)
	}
	for _, suffix := range s.Suffixes {
		if suffix == "" {
			add("Suffixes", "has an empty suffix, which matches every key: remove Suffixes to load all files")
		}
		checkText(add, "Suffixes", suffix)
	}
}

func (s Spec) validateLoad(add adder) {
	switch s.Load {
	case Continuous, ExternalTable:
		if s.Schedule != "" {
			add("Schedule", "%q is only allowed with Bulk, the load is %s: it loads each object when it arrives", s.Schedule, s.Load)
		}
		if s.TimeZone != "" {
			add("TimeZone", "%q is only allowed with Bulk, the load is %s", s.TimeZone, s.Load)
		}
	case Bulk:
		if s.Schedule == "" {
			add("Load", "Bulk needs a schedule: five fields, such as \"17 2 * * *\" for every night at 02:17")
		} else if err := sqltext.CheckCron(s.Schedule); err != nil {
			add("Load", "Bulk: %v", err)
		}
		if err := sqltext.CheckTimeZone(s.TimeZone); err != nil {
			add("TimeZone", "%v", err)
		}
	default:
		add("Load", "%q is not one of continuous, bulk, external: use Continuous(), Bulk(\"17 2 * * *\") or ExternalTable()", s.Load)
	}
}

// unsupportedEndings has the endings of archives and compressions that function
// unpack reads and Snowflake does not.
// https://docs.snowflake.com/en/sql-reference/sql/copy-into-table#format-type-options-formattypeoptions
var unsupportedEndings = []string{".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.zst", ".tar.xz", ".tbz2", ".xz", ".7z", ".br", ".lz4", ".sz"}

// validateFiles rejects formats of source files that Snowflake cannot read.
func (s Spec) validateFiles(add adder) {
	for _, suffix := range s.Suffixes {
		for _, ending := range unsupportedEndings {
			if strings.HasSuffix(strings.ToLower(suffix), ending) {
				add("From", "FromFiles cannot read %q: Snowflake reads gzip, bzip2, zstd and deflate, but no archives or other compressions: use FromParts()", suffix)
				break
			}
		}
	}
	if options := fileOptions(s.Format); len(options) > 0 {
		add("From", "FromFiles cannot read files with %s: use FromParts()", strings.Join(options, ", "))
	}
	switch {
	case s.Format.Kind == feed.FixedWidth:
		add("From", "FromFiles cannot read fixed-width text: use FromParts()")
	case s.Format.Kind == feed.JSON && s.Format.Path != "":
		add("From", "FromFiles cannot read the records under %q inside a document: use FromParts()", s.Format.Path)
	case s.Format.Kind == feed.Parquet:
		add("From", "FromFiles cannot read Parquet: use FromParts()")
	case s.Format.Kind != feed.CSV && s.Format.Encoding != "":
		add("From", "FromFiles cannot read %s in %s: Snowflake reads JSON in UTF-8 only: use FromParts()", s.Format.Kind, s.Format.Encoding)
	case s.Format.Kind == feed.CSV && len(s.Format.Columns) == 0:
		add("From", "FromFiles creates the table with the header's columns, and CSV() names none: name them, or use FromParts()")
	}
	var seen []string
	for _, name := range s.Format.Columns {
		if reserved(name) {
			add("From", "FromFiles cannot create a table with the header's column %q, which is reserved: use FromParts()", name)
		}
		if slices.ContainsFunc(seen, func(other string) bool { return strings.EqualFold(other, name) }) {
			add("From", "FromFiles matches column names case-insensitively, and the header has %q twice: use FromParts()", name)
		}
		seen = append(seen, name)
	}
}

// fileOptions are the options of a format that only unpack has.
func fileOptions(f feed.Format) []string {
	var options []string
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"NoHeader", f.NoHeader},
		{"Escape", f.Escape != ""},
		{"SkipLines", f.SkipLines > 0},
		{"Comment", f.Comment != ""},
		{"Trim", f.Trim},
		{"TrailingDelimiter", f.TrailingDelimiter},
		{"NaNAsNull", f.NaNAsNull},
		{"Encoding " + string(f.Encoding), f.Kind == feed.CSV && f.Encoding != "" && f.Encoding != feed.Latin1},
	} {
		if option.set {
			options = append(options, option.name)
		}
	}
	return options
}

func (s Spec) validateColumns(add adder) {
	seen := map[string]bool{}
	for i, c := range s.Columns {
		field := fmt.Sprintf("Columns[%d]", i)
		checkName(add, field+".Name", c.Name, 0)
		switch name := stored(c.Name); {
		case c.Name == "":
		case reserved(c.Name):
			add(field+".Name", "%q is reserved for a column of the view: choose another name, with Path %q", c.Name, c.path())
		case seen[name]:
			add(field+".Name", "%q is given twice: names without quotes are case-insensitive", c.Name)
		default:
			seen[name] = true
		}
		s.validatePath(add, field+".Path", c)
		if err := checkViewType(c.Type); err != nil {
			add(field+".Type", "%v", err)
		}
	}
	for _, name := range slices.Concat([]string{dataColumn}, s.viewLineColumns()) {
		if seen[name] && seen["_"+name] {
			add("Columns", "%q and %q are both given, and the view needs one of them for its column %s: choose another name for one", name, "_"+name, name)
		}
	}
}

// validateKey checks the paths of the key.
func (s Spec) validateKey(add adder) {
	for _, path := range s.Key {
		checkText(add, "Key", path)
		switch keys, err := feed.SplitPath(path); {
		case err != nil:
			add("Key", "%v", err)
		case s.delimited() && (len(keys) > 1 || !slices.Contains(s.Format.Columns, keys[0])):
			add("Key", "%q is not a column of the header, which has %q: use FromParts() where a shape makes it", path, s.Format.Columns)
		}
	}
}

func (s Spec) validatePath(add adder, field string, c Column) {
	checkText(add, field, c.Path)
	switch {
	case len(s.Format.Columns) > 0:
		if !slices.Contains(s.Format.Columns, c.path()) {
			add(field, "%q is not a column of the header, which has %q", c.path(), s.Format.Columns)
		}
	case slices.Contains(s.keys(c), "") && c.Path != "":
		add(field, "%q has an empty key: write object keys separated by dots, such as \"properties.mag\"", c.Path)
	}
}

// path returns the Path, or the default for it.
func (c Column) path() string {
	if c.Path == "" {
		return c.Name
	}
	return c.Path
}
