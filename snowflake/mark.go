package snowflake

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// Mark is what an object's comment says about it: whose it is and what it was
// made from. Text of statements is no use for that: Snowflake stores some of
// them with other white space than it was given.
type Mark struct {
	// Owner is Names.Owner of the deployment that made the object.
	Owner string
	// Definition is the start of a hash over everything that the object was made from.
	Definition string
}

var markRE = regexp.MustCompile(`^ingestion owner=(\S+) def=([0-9a-f]{16})$`)

// String returns the comment.
func (m Mark) String() string {
	return "ingestion owner=" + m.Owner + " def=" + m.Definition
}

// ParseMark reads a comment; false if it is no mark.
func ParseMark(comment string) (Mark, bool) {
	found := markRE.FindStringSubmatch(comment)
	if found == nil {
		return Mark{}, false
	}
	return Mark{Owner: found[1], Definition: found[2]}, true
}

// mark hashes the parts of a definition. The zero byte between them, which no
// statement has, keeps their borders apart.
func mark(owner string, definition ...string) Mark {
	sum := sha256.Sum256([]byte(strings.Join(definition, "\x00")))
	return Mark{Owner: owner, Definition: hex.EncodeToString(sum[:8])}
}

func (m Mark) clause() string { return "COMMENT=" + Literal(m.String()) }
