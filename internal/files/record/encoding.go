package record

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"example.com/ingestion/feed"
)

// charmaps are the encodings of one byte per character. For feed.Latin1 and the
// others of Windows, a byte that is undefined is a control character, as in the WHATWG
// Encoding Standard, and not U+FFFD as in golang.org/x/text, so that no two bytes become
// the same character.
var charmaps = map[feed.Encoding]*charmap.Charmap{
	feed.Latin1: charmap.Windows1252, "windows-874": charmap.Windows874, "windows-1250": charmap.Windows1250,
	"windows-1251": charmap.Windows1251, "windows-1252": charmap.Windows1252, "windows-1253": charmap.Windows1253,
	"windows-1254": charmap.Windows1254, "windows-1255": charmap.Windows1255, "windows-1256": charmap.Windows1256,
	"windows-1257": charmap.Windows1257, "windows-1258": charmap.Windows1258,
	"iso-8859-2": charmap.ISO8859_2, "iso-8859-3": charmap.ISO8859_3, "iso-8859-4": charmap.ISO8859_4, "iso-8859-5": charmap.ISO8859_5,
	"iso-8859-6": charmap.ISO8859_6, "iso-8859-7": charmap.ISO8859_7, "iso-8859-8": charmap.ISO8859_8, "iso-8859-9": charmap.ISO8859_9,
	"iso-8859-10": charmap.ISO8859_10, "iso-8859-13": charmap.ISO8859_13, "iso-8859-14": charmap.ISO8859_14,
	"iso-8859-15": charmap.ISO8859_15, "iso-8859-16": charmap.ISO8859_16,
	"koi8-r": charmap.KOI8R, "koi8-u": charmap.KOI8U, "macintosh": charmap.Macintosh,
	"ibm437": charmap.CodePage437, "ibm850": charmap.CodePage850, "ibm852": charmap.CodePage852, "ibm855": charmap.CodePage855,
	"ibm858": charmap.CodePage858, "ibm860": charmap.CodePage860, "ibm862": charmap.CodePage862, "ibm863": charmap.CodePage863,
	"ibm865": charmap.CodePage865, "ibm866": charmap.CodePage866,
	"ibm037": charmap.CodePage037, "ibm1047": charmap.CodePage1047, "ibm1140": charmap.CodePage1140,
}

// charTables has the UTF-8 of each byte in each encoding that was used.
var charTables sync.Map

// controlNEL is the control character NEL, which is NL in EBCDIC.
const controlNEL = '\u0085'

// charTable returns the UTF-8 of each byte. A byte from 0x80 on that is undefined, other
// than 0x80 to 0x9F, stays as it is: it is not valid UTF-8, so that its record is rejected.
// In EBCDIC, the control character NL (0x15, U+0085) ends lines as LF (0x25) does: text
// files of z/OS UNIX have it.
func charTable(encoding feed.Encoding) ([]string, error) {
	if table, ok := charTables.Load(encoding); ok {
		return table.([]string), nil
	}
	chars, ok := charmaps[encoding]
	if !ok {
		return nil, fmt.Errorf("split entry: encoding %q is none of %q", encoding, feed.Encodings)
	}
	table := make([]string, 256)
	for i := range table {
		r := chars.DecodeByte(byte(i))
		switch {
		case r == controlNEL && i < 0x80:
			table[i] = "\n"
		case r != utf8.RuneError:
			table[i] = string(r)
		case i < 0xA0:
			table[i] = string(rune(i))
		default:
			table[i] = string([]byte{byte(i)})
		}
	}
	charTables.Store(encoding, table)
	return table, nil
}

// decode makes the window that of an entry in a declared encoding. A byte order mark has
// precedence over it, as in the WHATWG Encoding Standard: that of UTF-16 only with NUL
// after it, because its bytes are characters in other encodings.
func (s *splitter) decode(encoding feed.Encoding) error {
	w := &s.w
	first := make([]byte, 4)
	n, err := io.ReadFull(w.src, first)
	first = first[:n]
	if err == nil || err == io.ErrUnexpectedEOF || final(err) { //nolint:errorlint // io.ReadFull does not wrap it
		err = nil
	}
	if err != nil {
		return fmt.Errorf("read entry after byte %d: %w", n, err)
	}
	w.src = io.MultiReader(bytes.NewReader(first), w.src)
	switch {
	case bytes.HasPrefix(first, byteOrderMark):
		return s.startUTF8()
	case bytes.HasPrefix(first, []byte("\xFF\xFE")) || bytes.HasPrefix(first, []byte("\xFE\xFF")):
		if encoding == feed.UTF16LE || encoding == feed.UTF16BE || n == 4 && (first[2] == 0) != (first[3] == 0) {
			return s.startUTF8()
		}
	}
	switch encoding {
	case feed.UTF16LE, feed.UTF16BE:
		w.src, w.unit = newUTF16Reader(w.src, encoding == feed.UTF16BE, nil, nil), 2
	default:
		if e, ok := multibyte[encoding]; ok {
			w.src, w.unit, w.sizes = newMultibyteReader(w.src, e), 1, sizesOf(encoding, e)
			break
		}
		table, err := charTable(encoding)
		if err != nil {
			return err
		}
		w.src, w.unit = &charReader{src: w.src, table: table}, 1
	}
	_, err = w.more()
	return err
}

// charReader converts text of one byte per character to UTF-8.
type charReader struct {
	src   io.Reader
	table []string
	in    [4096]byte
	out   []byte
	rest  []byte // of out, not read yet
	err   error
}

// Read implements io.Reader.
func (r *charReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		var n int
		n, r.err = r.src.Read(r.in[:])
		r.out = r.out[:0]
		for _, c := range r.in[:n] {
			r.out = append(r.out, r.table[c]...)
		}
		r.rest = r.out
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
