package archive

import (
	"slices"
	"sort"
)

// extents are the byte ranges that members have taken, in order, without
// overlap. Ranges with no room for a member between them are joined, so that
// an ordinary zip needs one.
type extents []extent

type extent struct{ start, end int64 }

// add takes start to end, and reports whether it was free.
func (e *extents) add(start, end int64) bool {
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
		*e = slices.Insert(s, i, extent{start, end})
	}
	return true
}
