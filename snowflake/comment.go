package snowflake

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// Comment is the comment of an object, which identifies its owner and its
// definition. The deployment compares definitions by this hash, because Snowflake
// does not return statements exactly as they were given.
type Comment struct {
	// Owner is Names.Owner of the deployment that created the object.
	Owner string
	// Definition has the first 16 hexadecimal digits of a hash of the object's definition.
	Definition string
}

var commentRE = regexp.MustCompile(`^ingestion owner=(\S+) def=([0-9a-f]{16})$`)

// String returns the text of the comment.
func (c Comment) String() string {
	return "ingestion owner=" + c.Owner + " def=" + c.Definition
}

// ParseComment reads the text of a comment. It returns false if this project did
// not write it.
func ParseComment(comment string) (Comment, bool) {
	found := commentRE.FindStringSubmatch(comment)
	if found == nil {
		return Comment{}, false
	}
	return Comment{Owner: found[1], Definition: found[2]}, true
}

// newComment hashes the parts of a definition. They are separated by a zero byte,
// which no statement contains.
func newComment(owner string, definition ...string) Comment {
	sum := sha256.Sum256([]byte(strings.Join(definition, "\x00")))
	return Comment{Owner: owner, Definition: hex.EncodeToString(sum[:8])}
}

func (c Comment) clause() string { return "COMMENT=" + Literal(c.String()) }
