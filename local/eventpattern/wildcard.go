package eventpattern

import (
	"fmt"
	"regexp"
	"strings"
)

// wildcard is the expression of a text in which * stands for any characters; a
// backslash escapes * and itself.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching
func wildcard(text string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '*' && strings.HasPrefix(text[i+1:], "*"):
			return nil, fmt.Errorf("wildcard %q: EventBridge does not allow two * in a row", text)
		case text[i] == '*':
			b.WriteString(".*")
		case text[i] != '\\':
			b.WriteString(regexp.QuoteMeta(text[i : i+1]))
		case i+1 < len(text) && (text[i+1] == '*' || text[i+1] == '\\'):
			i++
			b.WriteString(regexp.QuoteMeta(text[i : i+1]))
		default:
			return nil, fmt.Errorf("wildcard %q: a backslash may precede * or a backslash only", text)
		}
	}
	b.WriteString(`\z`)
	return regexp.Compile(b.String())
}
