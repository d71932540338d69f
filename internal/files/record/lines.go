package record

import (
	"bytes"
	"unicode/utf8"
)

// lines splits NDJSON: one document per line, without blank lines. Of an invalid line
// only that line is rejected, unless the first line shows that the entry has another
// format: it contains NUL, or does not begin with JSON and is not UTF-8 or begins with
// markup. Later lines are no evidence: some lines of a binary file are valid JSON.
func (s *splitter) lines() error {
	w := &s.w
	s.line = 1
	if err := s.fill(judged); err != nil {
		return err
	}
	if i := skipBlank(w.buf, w.pos); i < w.end && otherFormat(w.buf[i:min(w.end, w.pos+judged)], startsValue(w.buf, i)) {
		return s.rejectOtherFormat(i)
	}
	for seen := 0; ; {
		if n := bytes.IndexByte(w.buf[w.pos+seen:w.end], '\n'); n >= 0 {
			end := w.pos + seen + n
			if err := s.oneLine(end, false); err != nil {
				return err
			}
			w.pos = end + 1
			s.line++
			seen = 0
			continue
		}
		seen = w.end - w.pos
		more, err := w.more()
		switch {
		case err != nil:
			return err
		case more:
		case w.ended():
			return s.oneLine(w.end, true)
		case w.err != nil:
			return s.rejectTruncated("")
		default:
			if err := s.dropLine(); err != nil {
				return err
			}
			seen = 0
		}
	}
}

// judged is how many bytes are read before otherFormat decides, whatever the size of
// the buffer.
const judged = 4 << 10

// otherFormat reports whether the first line of b shows that the entry is not NDJSON.
func otherFormat(b []byte, startsValue bool) bool {
	line, _, ended := bytes.Cut(b, []byte{'\n'})
	if bytes.IndexByte(line, 0) >= 0 {
		return true
	}
	valid := utf8.Valid(line)
	for cut := 1; !valid && !ended && cut < min(utf8.UTFMax, len(line)); cut++ {
		valid = utf8.Valid(line[:len(line)-cut]) // the last character may be truncated
	}
	return !startsValue && (b[0] == '<' || !valid)
}

// oneLine reads the line buf[pos:end]; last means that the entry ends there, without
// a line break.
func (s *splitter) oneLine(end int, last bool) error {
	w, v := &s.w, s.v
	b := w.buf
	mark := b[end]
	b[end] = 0 // ends the scan, because no value continues in the next line
	start := skipMarkAndBlank(b, w.pos)
	stop := -1
	if start < end {
		if stop = v.value(b, start); stop >= 0 {
			if after := skipBlank(b, stop); after != end {
				want := "the end of the line"
				if b[after] == '{' || b[after] == '[' {
					want += " (the format JSON() reads documents without line breaks between them)"
				}
				stop = v.unexpected(b, after, want)
			}
		}
	}
	b[end] = mark
	w.pos = start
	switch {
	case start == end:
		return nil
	case stop >= 0 && stop-start <= s.limit:
		return s.record(v.compact(b, start, stop), start, stop)
	case stop >= 0:
		return s.reject(fault{at: start, reason: TooLarge, text: s.tooLarge(int64(stop - start))}, end-start)
	case v.fault.at == end && last:
		return s.rejectTruncated("in the middle of a record")
	case v.fault.at == end:
		v.fault = fault{at: end, reason: InvalidJSON, text: "the line ends before the value is complete"}
	}
	return s.reject(v.fault, end-start)
}

// dropLine rejects a line that is larger than the window.
func (s *splitter) dropLine() error {
	w := &s.w
	if i := skipMarkAndBlank(w.buf, w.pos); i > w.pos {
		w.pos = i
		return nil
	}
	return s.dropWholeLine()
}

// dropWholeLine is dropLine without skipping space at the start of the line.
func (s *splitter) dropWholeLine() error {
	w := &s.w
	s.startCapture()
	_, err := s.skip(lineEnd{})
	switch {
	case err != nil:
		return err
	case w.pos == w.end && !w.ended():
		return s.rejectTruncated("")
	}
	return s.rejectCaptured()
}

// lineEnd finds the end of a line.
type lineEnd struct{}

func (lineEnd) scan(b []byte) (int, bool) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i, true
	}
	return len(b), false
}
