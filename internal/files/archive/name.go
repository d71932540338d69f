package archive

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// maxNameLen bounds the name of one member, in bytes, as it is displayed: tar
// allows names of a megabyte.
const maxNameLen = 512

// displayName makes the name of a member fit to be shown and stored. A zip's
// names have no reliable encoding: what is no UTF-8 is escaped, not guessed.
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

// junk reports whether a member of that name is what macOS leaves in archives.
func junk(name string) bool {
	return strings.HasPrefix(name, "__MACOSX/") || strings.Contains(name, "/__MACOSX/") ||
		path.Base(name) == ".DS_Store"
}
