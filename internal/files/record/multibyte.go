package record

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/transform"

	"example.com/ingestion/feed"
)

// multibyte are the encodings of one to four bytes per character. In all of them, a byte
// below 0x80 that does not belong to a longer character is ASCII, and their decoders have
// no state.
var multibyte = map[feed.Encoding]encoding.Encoding{
	"shift_jis": japanese.ShiftJIS, "euc-jp": japanese.EUCJP, "euc-kr": korean.EUCKR,
	"gbk": simplifiedchinese.GBK, "gb18030": simplifiedchinese.GB18030, "big5": traditionalchinese.Big5,
}

// multibyteReader converts text in one of these encodings to UTF-8. Each byte from 0x80 on
// that is not part of a character becomes three bytes that are not valid UTF-8 (the low
// surrogate U+DC00 plus the byte), so that its record is rejected: the decoders of
// golang.org/x/text replace it with U+FFFD, which would change the record.
type multibyteReader struct {
	src  io.Reader
	dec  *encoding.Decoder
	in   [4096]byte
	held int // bytes of in that are not converted yet
	out  []byte
	rest []byte // of out, not read yet
	err  error
}

func newMultibyteReader(src io.Reader, e encoding.Encoding) *multibyteReader {
	return &multibyteReader{src: src, dec: e.NewDecoder()}
}

// Read implements io.Reader.
func (r *multibyteReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		n, err := r.src.Read(r.in[r.held:])
		r.err = err
		r.convert(r.held + n)
		if n == 0 && err == nil {
			return 0, nil
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// convert converts in[:n] to out, without an incomplete character at its end.
func (r *multibyteReader) convert(n int) {
	if r.out == nil {
		r.out = make([]byte, 3*len(r.in)+utf8.UTFMax)
	}
	last := r.err != nil
	size, used, _ := r.dec.Transform(r.out, r.in[:n], last) // out has room for every character
	if bytes.ContainsRune(r.out[:size], utf8.RuneError) {
		size, used = r.convertEach(n, last)
	}
	r.rest = r.out[:size]
	r.held = copy(r.in[:], r.in[used:n])
}

// convertEach is convert for text with bytes that are not part of a character.
func (r *multibyteReader) convertEach(n int, last bool) (size, used int) {
	out := r.out[:0]
	for used < n {
		if c := r.in[used]; c < utf8.RuneSelf {
			out = append(out, c)
			used++
			continue
		}
		var char [2 * utf8.UTFMax]byte
		length, err := 0, error(nil)
		written := 0
		for end := used + 1; end <= min(used+4, n); end++ { // the shortest prefix that is complete
			written, length, err = r.dec.Transform(char[:], r.in[used:end], last && end == n)
			if !errors.Is(err, transform.ErrShortSrc) {
				break
			}
		}
		if errors.Is(err, transform.ErrShortSrc) && length == 0 {
			break
		}
		if bytes.ContainsRune(char[:written], utf8.RuneError) {
			c := r.in[used]
			out = append(out, 0xED, 0xB0|c>>6, 0x80|c&0x3F)
			used++
			continue
		}
		out = append(out, char[:written]...)
		used += length
	}
	r.out = out[:cap(out)]
	return len(out), used
}

// charSizes has the number of bytes of each character up to U+FFFF in an encoding.
type charSizes [1 << 16]uint8

var allCharSizes sync.Map

// sizesOf returns the sizes of the characters of an encoding.
func sizesOf(name feed.Encoding, e encoding.Encoding) *charSizes {
	if sizes, ok := allCharSizes.Load(name); ok {
		return sizes.(*charSizes)
	}
	sizes := new(charSizes)
	for i := range sizes {
		sizes[i] = 4 // of GB18030: the others have no more characters
		if i < utf8.RuneSelf {
			sizes[i] = 1
		}
	}
	dec := e.NewDecoder()
	note := func(char ...byte) {
		var text [2 * utf8.UTFMax]byte
		written, _, _ := dec.Transform(text[:], char, true)
		runes := []rune(string(text[:written]))
		switch {
		case len(runes) == 0 || runes[0] < utf8.RuneSelf || bytes.ContainsRune(text[:written], utf8.RuneError):
		case len(runes) == 1 && runes[0] < rune(len(sizes)):
			sizes[runes[0]] = uint8(len(char))
		case len(runes) == 2 && runes[1] >= utf8.RuneSelf:
			sizes[runes[1]] = 0 // a letter and its accent in Big5
		}
	}
	for a := 0x80; a <= 0xFF; a++ {
		for b := 0x40; b <= 0xFE; b++ {
			note(byte(a), byte(b))
			if name == "euc-jp" && a >= 0xA1 && b >= 0xA1 {
				note(0x8F, byte(a), byte(b))
			}
		}
	}
	for a := 0x80; a <= 0xFF; a++ {
		note(byte(a))
	}
	allCharSizes.Store(name, sizes)
	return sizes
}

// of returns the number of bytes in the encoding of the character of UTF-8 that begins
// b: one for a byte that is not part of a character.
func (s *charSizes) of(b []byte) int64 {
	char, size := utf8.DecodeRune(b)
	switch {
	case char == utf8.RuneError && size <= 1:
		return 1
	case int(char) < len(s):
		return int64(s[char])
	}
	return 4
}
