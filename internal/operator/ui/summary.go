package ui

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
)

const (
	// recent is the number of uploads of a feed on the page.
	recent = 8
	// maxProblems is the number of failed events or rejected files of a feed on the page.
	maxProblems = 5
	// shownHours is the number of hours in the picture of the flow.
	shownHours = 48
)

// summary collects what the page shows of the uploads of a feed.
type summary struct {
	now      time.Time
	recent   []overview.Upload
	rejected []overview.Upload // since rejectedFor
	reasons  map[string]*overview.Reason
	hours    []Hour
}

func newSummary(now time.Time) *summary {
	s := &summary{now: now, reasons: map[string]*overview.Reason{}, hours: make([]Hour, shownHours)}
	for i := range s.hours {
		s.hours[i].Start = now.Truncate(time.Hour).Add(time.Duration(i-shownHours+1) * time.Hour)
	}
	return s
}

// add adds an upload. Uploads are added newest source object first.
func (s *summary) add(u ledger.Upload) {
	if len(s.recent) < recent {
		s.recent = append(s.recent, overview.NewUpload(u))
	}
	if overview.StateOf(u) == overview.Rejected && u.LoadedAt.After(s.now.Add(-rejectedFor)) && len(s.rejected) < maxProblems {
		s.rejected = append(s.rejected, overview.NewUpload(u))
	}
	for reason, n := range u.Reasons {
		if s.reasons[reason] == nil {
			s.reasons[reason] = &overview.Reason{Reason: reason}
		}
		s.reasons[reason].Records += n
		s.reasons[reason].Uploads++
	}
	if since := u.LoadedAt.Sub(s.hours[0].Start); since >= 0 && since < shownHours*time.Hour {
		h := &s.hours[int(since/time.Hour)]
		h.Stored += u.Stored
		h.Quarantined += u.Quarantined()
		h.Bytes += u.Size
	}
}

// fill copies the summary to a feed.
func (s *summary) fill(f *Feed) {
	f.Recent = append(f.Recent, s.recent...)
	for _, r := range s.reasons {
		f.Reasons = append(f.Reasons, *r)
	}
	slices.SortFunc(f.Reasons, func(a, b overview.Reason) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), strings.Compare(a.Reason, b.Reason))
	})
	f.Hours = s.hours
}

// rejected describes rejected uploads.
func rejected(uploads []overview.Upload, feedName string) []Problem {
	problems := []Problem{}
	for _, u := range uploads {
		text := u.Message
		if text == "" {
			var reasons []string
			for _, reason := range slices.Sorted(maps.Keys(u.Reasons)) {
				reasons = append(reasons, fmt.Sprintf("%s (%d)", reason, u.Reasons[reason]))
			}
			text = strings.Join(reasons, ", ")
		}
		problems = append(problems, Problem{
			Time: u.Time, File: u.Source, Upload: u.Upload, Error: text,
			Command: "ingest quarantine " + feedName + " --upload " + u.Upload,
		})
	}
	return problems
}
