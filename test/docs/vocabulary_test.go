package docs

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// avoided are words with a meaning of this project's own, which it used before
// it took the standard terms, and the terms to use instead.
var avoided = []struct{ word, instead string }{
	{`anew`, "again"},
	{`comes? (again|twice)`, "is delivered again, is retried"},
	{`confin(e|es|ed|ing|ement)`, "restrict, limit"},
	{`contenders?`, "compared tools"},
	{`cures?`, "fix, remedy"},
	{`distant`, "in another region, in another account"},
	{`exams?`, "check"},
	{`goes wrong`, "fails"},
	{`hand(s|ed|ing)? on`, "dispatch, continue"},
	{`handon`, "dispatch, continue"},
	{`(hears?|heard) (of|about|from|through)`, "receives, is notified"},
	{`hops?`, "continuation"},
	{`inlets?`, "event source"},
	{`mend(s|ed|ing)?`, "fix"},
	{`patients?`, "the checked feed; retry"},
	{`rights`, "policy statements, permissions"},
	{`ropes?`, "what it is"},
	{`second looks?`, "a second check"},
	{`site`, "stack scope"},
	{`strangers?`, "other accounts"},
	{`surroundings`, "configuration, environment"},
	{`takes? (it|that|them|this) for`, "treats it as"},
	{`(tells?|told) of`, "reports, is notified of"},
	{`way out`, "remedy"},
}

func TestPlainWords(t *testing.T) {
	var alternatives []string
	for _, a := range avoided {
		alternatives = append(alternatives, a.word)
	}
	// In identifiers a word ends where an upper-case letter begins.
	pattern := regexp.MustCompile(`(?i)\b(` + strings.Join(alternatives, "|") + `)\b`)
	for _, name := range proseFiles(t) {
		text := readFile(t, name)
		for i, line := range strings.Split(text, "\n") {
			for _, match := range pattern.FindAllString(words(line), -1) {
				t.Errorf("%s:%d: %q: say %s", name, i+1, match, instead(match))
			}
		}
	}
}

var (
	camelCase  = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	separators = regexp.MustCompile(`[_-]`)
)

// words writes the identifiers of a line as words: HandOn as Hand On.
func words(line string) string {
	return separators.ReplaceAllString(camelCase.ReplaceAllString(line, "$1 $2"), " ")
}

func instead(match string) string {
	for _, a := range avoided {
		if regexp.MustCompile(`(?i)^` + a.word + `$`).MatchString(match) {
			return a.instead
		}
	}
	return ""
}

// proseFiles lists the sources and documents of the repository, without tests.
// CHANGELOG.md is left out: it names what was renamed.
func proseFiles(t *testing.T) []string {
	t.Helper()
	var names []string
	walk(t, func(name string) {
		switch filepath.Ext(name) {
		case ".go", ".py", ".md", ".yml":
			if !strings.HasSuffix(name, "_test.go") && name != "CHANGELOG.md" {
				names = append(names, name)
			}
		}
	})
	return names
}
