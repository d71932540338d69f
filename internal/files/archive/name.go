package archive

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// maxNameLen bounds the displayed name of a member, in bytes: tar allows names of
// a megabyte.
const maxNameLen = 512

// displayName returns the name of a member in a form that can be displayed and
// stored. The encoding of a zip's names is not reliable: bytes that are not UTF-8
// are escaped, their encoding is not guessed.
func displayName(name []byte) string {
	var b strings.Builder
	for i := 0; i < len(name); {
		if b.Len() > maxNameLen {
			b.WriteString("...")
			break
		}
		r, size := utf8.DecodeRune(name[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' || r >= 0x7f && r < 0xa0 {
			for _, c := range name[i : i+size] {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		} else {
			b.Write(name[i : i+size])
		}
		i += size
	}
	return b.String()
}

// ignored reports whether a member of that name is one that macOS adds to archives.
func ignored(name string) bool {
	return strings.HasPrefix(name, "__MACOSX/") || strings.Contains(name, "/__MACOSX/") ||
		path.Base(name) == ".DS_Store"
}
