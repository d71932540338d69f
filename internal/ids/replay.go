package ids

import (
	"fmt"
	"time"
)

// Replay is the payload of unpack for a replay of the quarantined records of an upload.
type Replay struct {
	Replay ReplayRef `json:"replay"`
}

// ReplayRef selects the quarantined records of a replay.
type ReplayRef struct {
	Feed   string `json:"feed"`
	Upload string `json:"upload"`
	// Reason limits the replay to records with this reason. Empty: all.
	Reason string `json:"reason,omitempty"`
	// Before excludes records that were quarantined at that time or later: a replay must
	// not process what it has quarantined itself.
	Before time.Time `json:"before"`
}

// ReplayPartName is the name of a part of a replay, with records of one entry. The
// replays of an upload are numbered from 1, their parts from 0.
func ReplayPartName(entry int, replay int64, part int) string {
	return fmt.Sprintf("%0*d-r%0*d-%0*d", EntryDigits, entry, PartDigits, replay, PartDigits, part)
}

// ReplayPartKey is the key of a part of a replay in the landing bucket. It has a hash
// of the content, so that a repeated replay writes no object twice.
func (u Upload) ReplayPartKey(landingPrefix string, entry int, hash string) string {
	return u.Folder(landingPrefix) + fmt.Sprintf("%0*d-r%s.ndjson.gz", EntryDigits, entry, hash)
}

// ParseRecordID is the inverse of RecordID.
func ParseRecordID(s string) (id string, entry int, ordinal int64, err error) {
	if len(s) == RecordIDLength {
		_, err = fmt.Sscanf(s[IDLength:], "/%d/%d", &entry, &ordinal)
		if err == nil && RecordID(s[:IDLength], entry, ordinal) == s {
			return s[:IDLength], entry, ordinal, nil
		}
	}
	return "", 0, 0, fmt.Errorf("%q is not the ID of a record", s)
}
