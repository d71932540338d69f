package snowflake

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/snowflake/token"
)

// value goes past an option's value and returns it.
type value func(p *parser) (string, error)

func nothing(*parser) (string, error) { return "", nil }

func kind(k token.Kind, what string) value {
	return func(p *parser) (string, error) {
		t := p.peek()
		if p.done() || t.Kind != k {
			return "", p.unexpected(what)
		}
		p.pos++
		return t.Value, nil
	}
}

var (
	text   = kind(token.String, "a constant in single quotes")
	number = kind(token.Number, "a number")
)

func truth(p *parser) (string, error) {
	t := p.peek()
	if !t.Is("TRUE") && !t.Is("FALSE") {
		return "", p.unexpected("TRUE or FALSE")
	}
	p.pos++
	return t.Value, nil
}

func name(p *parser) (string, error) { return "", p.name() }

// oneOf takes one of some words, with or without quotes, in any case.
func oneOf(words ...string) value {
	return func(p *parser) (string, error) {
		t := p.peek()
		for _, word := range words {
			if (t.Kind == token.Word || t.Kind == token.String) && strings.EqualFold(t.Value, word) {
				p.pos++
				return word, nil
			}
		}
		return "", p.unexpected("one of " + strings.Join(words, ", "))
	}
}

// textOr takes a constant or that word.
func textOr(word string) value {
	return func(p *parser) (string, error) {
		if p.accept(word) {
			return word, nil
		}
		return text(p)
	}
}

// texts takes constants in brackets.
func texts(p *parser) (string, error) {
	if p.ahead(0).Is("(") && p.ahead(1).Is(")") {
		return "", errors.New("the list is empty")
	}
	return textsOrNone(p)
}

func textsOrNone(p *parser) (string, error) {
	tokens, err := p.brackets()
	if err != nil || len(tokens) == 0 {
		return "", err
	}
	for _, item := range list(tokens) {
		if len(item) != 1 || item[0].Kind != token.String {
			return "", errors.New("want constants in single quotes with commas between them")
		}
	}
	return "", nil
}

func anyBrackets(p *parser) (string, error) {
	tokens, err := p.brackets()
	if err == nil && len(tokens) == 0 {
		err = errors.New("the brackets are empty")
	}
	return "", err
}

// bracketed takes options of their own in brackets.
func bracketed(what string, table options) value {
	return func(p *parser) (string, error) {
		if err := p.expect("("); err != nil {
			return "", err
		}
		if _, err := p.options(table, false); err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
		return "", p.expect(")")
	}
}

// fileFormat takes a format's name or a format's options, in brackets.
func fileFormat(p *parser) (string, error) {
	if err := p.expect("("); err != nil {
		return "", err
	}
	if !p.accept("FORMAT_NAME", "=") {
		if _, err := p.format(false); err != nil {
			return "", err
		}
		return "", p.expect(")")
	}
	if t := p.peek(); t.Kind == token.String {
		inner, err := token.Tokens(t.Value)
		named := &parser{tokens: inner}
		if err == nil {
			err = named.name()
		}
		if err != nil || !named.done() {
			return "", fmt.Errorf("FORMAT_NAME: %s holds no name", t.Text)
		}
		p.pos++
	} else if err := p.name(); err != nil {
		return "", err
	}
	return "", p.expect(")")
}

// format takes the options of a file format, which depend on its type.
func (p *parser) format(altering bool) (given, error) {
	table := maps.Clone(commonFormat)
	types := []string{"CSV"}
	if altering { // the type is not part of the statement
		types = slices.Collect(maps.Keys(formatOptions))
	}
	for i := p.pos; i+2 < len(p.tokens); i++ {
		if p.tokens[i].Is("TYPE") && p.tokens[i+1].Is("=") {
			types = []string{strings.ToUpper(p.tokens[i+2].Value)}
			break
		}
	}
	for _, t := range types {
		maps.Copy(table, formatOptions[t])
	}
	return p.options(table, altering)
}

// location goes past a stage and a path in it.
func (p *parser) location() error {
	if err := p.expect("@"); err != nil {
		return err
	}
	if !p.accept("~") {
		p.accept("%")
		if err := p.name(); err != nil {
			return err
		}
	}
	// What follows without white space is the path.
	for !p.done() && p.peek().Start == p.tokens[p.pos-1].End && !slices.ContainsFunc([]string{")", ",", ";"}, p.peek().Is) {
		p.pos++
	}
	return nil
}

func location(p *parser) (string, error) { return "", p.location() }

var everyRE = regexp.MustCompile(`(?i)^[1-9][0-9]* *(HOURS?|H|MINUTES?|M|SECONDS?|S)$`)

// schedule takes an interval, or a cron expression and a time zone.
func schedule(p *parser) (string, error) {
	s, err := text(p)
	if err != nil || everyRE.MatchString(s) {
		return s, err
	}
	fields := strings.Fields(s)
	if len(fields) != 8 || !strings.EqualFold(fields[0], "USING") || !strings.EqualFold(fields[1], "CRON") {
		return "", fmt.Errorf("'%s' is neither '<n> MINUTES' nor 'USING CRON <five fields> <time zone>'", s)
	}
	if err := checkCron(strings.Join(fields[2:7], " ")); err != nil {
		return "", err
	}
	return s, checkTimeZone(fields[7])
}

// checkTimeZone refuses what is none of IANA's. LoadLocation takes two names
// that are the program's: "Local", and the empty one for UTC. A function's
// machine may have no list of zones; the app has it built in, and has checked.
func checkTimeZone(zone string) error {
	_, err := time.LoadLocation(zone)
	if zone == "Local" || zone == "" || err != nil && zonesKnown() {
		return fmt.Errorf("%q is no time zone of IANA's: write UTC or, for example, Europe/Berlin", zone)
	}
	return nil
}

func zonesKnown() bool {
	_, err := time.LoadLocation("Europe/Berlin")
	return err == nil
}

var skipFileRE = regexp.MustCompile(`^SKIP_FILE(_[0-9]+%?)?$`)

func onError(p *parser) (string, error) {
	t := p.peek()
	v := strings.ToUpper(t.Value)
	if t.Kind != token.Word && t.Kind != token.String || v != "CONTINUE" && v != "ABORT_STATEMENT" && !skipFileRE.MatchString(v) {
		return "", p.unexpected("one of CONTINUE, SKIP_FILE, SKIP_FILE_<n>, 'SKIP_FILE_<n>%', ABORT_STATEMENT")
	}
	p.pos++
	return v, nil
}

var validationRE = regexp.MustCompile(`^RETURN_([0-9]+_ROWS|ERRORS|ALL_ERRORS)$`)

func validation(p *parser) (string, error) {
	t := p.peek()
	if t.Kind != token.Word && t.Kind != token.String || !validationRE.MatchString(strings.ToUpper(t.Value)) {
		return "", p.unexpected("one of RETURN_<n>_ROWS, RETURN_ERRORS, RETURN_ALL_ERRORS")
	}
	p.pos++
	return t.Value, nil
}

// metadata takes (<column>=METADATA$…, …).
func metadata(p *parser) (string, error) {
	tokens, err := p.brackets()
	if err != nil {
		return "", err
	}
	for _, item := range list(tokens) {
		if len(item) != 3 || !item[0].IsName() || !item[1].Is("=") || !slices.Contains(metadataColumns, item[2].Value) {
			return "", fmt.Errorf("want <column>=METADATA$…, which is one of %s", strings.Join(metadataColumns, ", "))
		}
	}
	return "", nil
}
