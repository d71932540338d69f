package sqlparser

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"example.com/ingestion/internal/sqltext"
)

// valueCheck validates the value of an option.
type valueCheck func(Value) error

func (v Value) unexpected(want string) error { return errorf("want %s, found %s", want, v.Text) }

// isText reports whether the value is a word or a constant in quotes.
func (v Value) isText() bool { return v.Kind == sqltext.Word || v.Kind == sqltext.String }

func nothing(Value) error { return nil }

func text(v Value) error {
	if v.Kind != sqltext.String {
		return v.unexpected("a constant in single quotes")
	}
	return nil
}

func number(v Value) error {
	if v.Kind != sqltext.Number {
		return v.unexpected("a number")
	}
	return nil
}

func boolean(v Value) error {
	if !v.Is("TRUE") && !v.Is("FALSE") {
		return v.unexpected("TRUE or FALSE")
	}
	return nil
}

func name(v Value) error {
	if !v.IsName() {
		return v.unexpected("a name")
	}
	return nil
}

// oneOf accepts one of some words, with or without quotes, in any case.
func oneOf(words ...string) valueCheck {
	return func(v Value) error {
		if v.isText() && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, v.Value) }) {
			return nil
		}
		return v.unexpected("one of " + strings.Join(words, ", "))
	}
}

// textOr accepts a constant or the word.
func textOr(word string) valueCheck {
	return func(v Value) error {
		if v.Is(word) {
			return nil
		}
		return text(v)
	}
}

func stringList(v Value) error {
	if v.Is("(") && len(v.List) == 0 && v.Options == nil {
		return errorf("the list is empty")
	}
	return emptyOrStringList(v)
}

func emptyOrStringList(v Value) error {
	if !v.Is("(") {
		return v.unexpected("(")
	}
	notString := func(item Value) bool { return item.Kind != sqltext.String }
	if v.Options != nil || slices.ContainsFunc(v.List, notString) {
		return errorf("want constants in single quotes, separated by commas")
	}
	return nil
}

// expressions accepts a list with at least one item.
func expressions(v Value) error {
	if len(v.List) == 0 {
		return errorf("the parentheses are empty")
	}
	return nil
}

// nested accepts options in parentheses.
func nested(what string, known table) valueCheck {
	return func(v Value) error {
		if !v.Is("(") {
			return v.unexpected("(")
		}
		if err := known.check(v.Options, false); err != nil {
			return within(what, err)
		}
		return nil
	}
}

// fileFormat accepts the name of a file format or the options of one.
func fileFormat(v Value) error {
	if !v.Is("(") {
		return v.unexpected("(")
	}
	named, ok := v.Options["FORMAT_NAME"]
	switch {
	case !ok:
		return formatTable(v.Options.Text("TYPE"), false).check(v.Options, false)
	case len(v.Options) > 1:
		return errorf("FORMAT_NAME and other options exclude each other")
	case named.Kind == sqltext.String:
		p, err := New(named.Value)
		if err == nil {
			_, err = p.Name()
		}
		if err != nil || !p.Done() {
			return errorf("FORMAT_NAME: %s is not a name", named.Text)
		}
		return nil
	}
	return name(named)
}

// formatTable has the options of a file format of a type; the default is CSV.
// ALTER does not repeat the type, so that it accepts those of all types.
func formatTable(kind string, altering bool) table {
	known := maps.Clone(commonFormat)
	if kind == "" {
		kind = "CSV"
	}
	for name, more := range formatOptions {
		if altering || strings.EqualFold(name, kind) {
			maps.Copy(known, more)
		}
	}
	return known
}

func location(v Value) error {
	if v.Stage == nil {
		return v.unexpected("@ and a stage")
	}
	return nil
}

var intervalRE = regexp.MustCompile(`(?i)^[1-9][0-9]* *(HOURS?|H|MINUTES?|M|SECONDS?|S)$`)

// schedule accepts an interval, or a cron expression and a time zone.
func schedule(v Value) error {
	if err := text(v); err != nil || intervalRE.MatchString(v.Value) {
		return err
	}
	fields := strings.Fields(v.Value)
	if len(fields) != 8 || !strings.EqualFold(fields[0], "USING") || !strings.EqualFold(fields[1], "CRON") {
		return errorf("'%s' is neither '<n> MINUTES' nor 'USING CRON <five fields> <time zone>'", v.Value)
	}
	if err := sqltext.CheckCron(strings.Join(fields[2:7], " ")); err != nil {
		return errorf("%s", err)
	}
	if err := sqltext.CheckTimeZone(fields[7]); err != nil {
		return errorf("%s", err)
	}
	return nil
}

var skipFileRE = regexp.MustCompile(`^SKIP_FILE(_[0-9]+%?)?$`)

func onError(v Value) error {
	switch value := strings.ToUpper(v.Value); {
	case !v.isText():
	case value == "CONTINUE", value == "ABORT_STATEMENT", skipFileRE.MatchString(value):
		return nil
	}
	return v.unexpected("one of CONTINUE, SKIP_FILE, SKIP_FILE_<n>, 'SKIP_FILE_<n>%', ABORT_STATEMENT")
}

var validationRE = regexp.MustCompile(`^RETURN_([0-9]+_ROWS|ERRORS|ALL_ERRORS)$`)

func validationMode(v Value) error {
	if !v.isText() || !validationRE.MatchString(strings.ToUpper(v.Value)) {
		return v.unexpected("one of RETURN_<n>_ROWS, RETURN_ERRORS, RETURN_ALL_ERRORS")
	}
	return nil
}

// includeMetadata accepts (<column>=METADATA$…, …).
func includeMetadata(v Value) error {
	for _, item := range v.Options {
		if !slices.Contains(metadataColumns, item.Value) {
			return errorf("want <column>=METADATA$…, one of %s, found %s", strings.Join(metadataColumns, ", "), item.Text)
		}
	}
	if len(v.Options) == 0 {
		return errorf("want <column>=METADATA$…, one of %s", strings.Join(metadataColumns, ", "))
	}
	return nil
}
