package ids

import (
	"fmt"
	"time"
)

// Replay asks unpack to try the quarantined records of an upload again: the
// payload of its invocation.
type Replay struct {
	Replay ReplayRef `json:"replay"`
}

// ReplayRef says which records of quarantine to try again.
type ReplayRef struct {
	Feed   string `json:"feed"`
	Upload string `json:"upload"`
	// Reason limits the replay to the records that were refused for it. Empty: all.
	Reason string `json:"reason,omitempty"`
	// Before leaves alone what was quarantined at that time or later: what one
	// replay puts back, the same replay does not take out again.
	Before time.Time `json:"before"`
}

// ReplayPartName names a part that a replay has landed, of the records of one
// entry: replays of an upload are numbered from 1, their parts from 0.
func ReplayPartName(entry int, replay int64, part int) string {
	return fmt.Sprintf("%0*d-r%0*d-%0*d", EntryDigits, entry, PartDigits, replay, PartDigits, part)
}

// ReplayPartKey is the key of such a part in the landing bucket. It goes by
// content, so that a replay that is repeated lands nothing twice.
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
	return "", 0, 0, fmt.Errorf("%q is no record's ID", s)
}
