package archive

import (
	"slices"
	"sort"
)

// byteRanges are the ranges of bytes that members use, sorted, without overlap.
// Ranges between which no other member fits are joined, so that an ordinary zip
// needs one.
type byteRanges []byteRange

type byteRange struct{ start, end int64 }

// add adds the range from start to end, and reports whether it overlaps no other.
func (e *byteRanges) add(start, end int64) bool {
	s := *e
	i := sort.Search(len(s), func(i int) bool { return s[i].end > start })
	if i < len(s) && s[i].start < end {
		return false
	}
	before := i > 0 && start-s[i-1].end < localHeaderLen
	after := i < len(s) && s[i].start-end < localHeaderLen
	switch {
	case before && after:
		s[i-1].end = s[i].end
		*e = slices.Delete(s, i, i+1)
	case before:
		s[i-1].end = end
	case after:
		s[i].start = start
	default:
		*e = slices.Insert(s, i, byteRange{start, end})
	}
	return true
}
