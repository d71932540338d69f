package overview

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// Upload is one upload as its ledger item tells of it.
type Upload struct {
	Upload  string       `json:"upload"`
	Key     string       `json:"key"`
	Source  string       `json:"source"`
	Version string       `json:"version"`
	State   ledger.State `json:"state"`
	// Time is when the source object was last modified.
	Time time.Time `json:"time"`
	// Bytes is the size of the source object, BytesUnpacked that of its entries,
	// BytesLanded that of its parts, compressed.
	Bytes         int64 `json:"bytes"`
	BytesUnpacked int64 `json:"bytes_unpacked"`
	BytesLanded   int64 `json:"bytes_landed"`
	Entries       int64 `json:"entries"`
	Records       int64 `json:"records"`
	Stored        int64 `json:"stored"`
	Quarantined   int64 `json:"quarantined"`
	Parts         int64 `json:"parts"`
	PartsLoaded   int64 `json:"parts_loaded"`
	// Reasons counts the quarantined records.
	Reasons map[string]int64 `json:"reasons,omitempty"`
	Message string           `json:"message,omitempty"`
	// Hops is how many invocations of unpack have handed the upload on for want of time.
	Hops       int        `json:"hops,omitempty"`
	StartedAt  *time.Time `json:"started_at"`
	UnpackedAt *time.Time `json:"unpacked_at"`
	LoadedAt   *time.Time `json:"loaded_at"`
}

// Took is from the beginning of unpacking to the last part's loading; 0 where that is not over.
func (u Upload) Took() time.Duration {
	if u.StartedAt == nil || u.LoadedAt == nil {
		return 0
	}
	return u.LoadedAt.Sub(*u.StartedAt)
}

func newUpload(u ledger.Upload) Upload {
	return Upload{
		Upload: u.ID, Key: u.Key, Source: u.Source(), Version: u.Version(), State: u.State, Time: u.Time,
		Bytes: u.Size, BytesUnpacked: u.BytesUnpacked, BytesLanded: u.BytesLanded, Entries: u.Entries,
		Records: u.Records, Stored: u.Stored, Quarantined: u.Quarantined(), Parts: u.Parts, PartsLoaded: u.PartsLoaded,
		Reasons: u.Reasons, Message: u.Message, Hops: u.Checkpoint.Continuations,
		StartedAt: orNil(u.StartedAt), UnpackedAt: orNil(u.UnpackedAt), LoadedAt: orNil(u.LoadedAt),
	}
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Filter chooses uploads.
type Filter struct {
	// Since leaves out uploads whose source object is older. Zero: none.
	Since time.Time
	// State is the one to show; empty for all.
	State ledger.State
	// Limit bounds how many; 0 means all.
	Limit int
}

// Uploads lists a feed's uploads, newest source object first.
func Uploads(ctx context.Context, book *ledger.Ledger, feedName string, f Filter) ([]Upload, error) {
	uploads := []Upload{}
	err := book.Uploads(ctx, feedName, func(u ledger.Upload) bool {
		if !f.Since.IsZero() && u.Time.Before(f.Since) {
			return false // the rest is older still
		}
		if f.State == "" || f.State == u.State {
			uploads = append(uploads, newUpload(u))
		}
		return f.Limit == 0 || len(uploads) < f.Limit
	})
	return uploads, err
}

// Part is one part of an upload.
type Part struct {
	Part     string           `json:"part"`
	Entry    int              `json:"entry"`
	Key      string           `json:"key"`
	State    ledger.State     `json:"state"`
	Records  int64            `json:"records"`
	Stored   int64            `json:"stored"`
	Rejected int64            `json:"rejected"`
	Bytes    int64            `json:"bytes"`
	Reasons  map[string]int64 `json:"reasons,omitempty"`
	Message  string           `json:"message,omitempty"`
	LandedAt *time.Time       `json:"landed_at"`
	LoadedAt *time.Time       `json:"loaded_at"`
}

// Entry sums up the parts of one entry.
type Entry struct {
	Entry    int   `json:"entry"`
	Parts    int64 `json:"parts"`
	Loaded   int64 `json:"parts_loaded"`
	Records  int64 `json:"records"` // that are in parts
	Stored   int64 `json:"stored"`
	Rejected int64 `json:"rejected"` // by load
	Bytes    int64 `json:"bytes"`
}

// Detail is one upload down to its parts.
type Detail struct {
	Upload
	// PartsFolder and QuarantineFolder are where its objects are, as URIs.
	PartsFolder      string  `json:"parts_folder"`
	QuarantineFolder string  `json:"quarantine_folder"`
	EntryList        []Entry `json:"entry_list"`
	PartList         []Part  `json:"part_list"`
}

// Places says where a feed's objects are.
type Places struct {
	LandingBucket, LandingPrefix, QuarantinePrefix string
}

// One returns an upload down to its parts.
func One(ctx context.Context, book *ledger.Ledger, u ledger.Upload, where Places) (Detail, error) {
	d := Detail{
		Upload:           newUpload(u),
		PartsFolder:      "s3://" + where.LandingBucket + "/" + u.Folder(where.LandingPrefix),
		QuarantineFolder: "s3://" + where.LandingBucket + "/" + u.Folder(where.QuarantinePrefix),
		EntryList:        []Entry{}, PartList: []Part{},
	}
	err := book.Parts(ctx, u.Feed, u.ID, func(p ledger.Part) bool {
		d.PartList = append(d.PartList, Part{
			Part: p.Name, Entry: p.Entry, Key: p.Key, State: p.State, Records: p.Records, Stored: p.Stored, Rejected: p.Rejected,
			Bytes: p.Bytes, Reasons: p.Reasons, Message: p.Message, LandedAt: orNil(p.LandedAt), LoadedAt: orNil(p.LoadedAt),
		})
		last := len(d.EntryList) - 1
		if last < 0 || d.EntryList[last].Entry != p.Entry {
			d.EntryList = append(d.EntryList, Entry{Entry: p.Entry})
			last++
		}
		e := &d.EntryList[last]
		e.Parts++
		if p.State.Done() {
			e.Loaded++
		}
		e.Records += p.Records
		e.Stored += p.Stored
		e.Rejected += p.Rejected
		e.Bytes += p.Bytes
		return true
	})
	return d, err
}

// ErrNoUpload means that a name fits no upload, or more than one.
var ErrNoUpload = errors.New("no such upload")

// FindUpload returns the upload of a name: its ID, the key of its source object
// (the newest of them, where the object was put several times), or the
// beginning of either, if that fits one key or ID alone.
func FindUpload(ctx context.Context, book *ledger.Ledger, feedName, name string) (ledger.Upload, error) {
	if isID(name) {
		u, ok, err := book.GetUpload(ctx, feedName, name)
		if ok || err != nil {
			return u, err
		}
	}
	var newest *ledger.Upload // of the key that is the name itself
	var begun []ledger.Upload // the newest of each key, and each ID, that begins with it
	keys := map[string]bool{}
	err := book.Uploads(ctx, feedName, func(u ledger.Upload) bool {
		switch {
		case u.Key == name || u.Source() == name:
			newest = &u
			return false
		case strings.HasPrefix(u.Key, name) && !keys[u.Key], len(name) >= 4 && strings.HasPrefix(u.ID, name):
			keys[u.Key] = true
			begun = append(begun, u)
		}
		return true
	})
	switch {
	case err != nil:
		return ledger.Upload{}, err
	case newest != nil:
		return *newest, nil
	case len(begun) == 1:
		return begun[0], nil
	case len(begun) == 0:
		return ledger.Upload{}, fmt.Errorf("%w of feed %q: no ID and no key is or begins with %q: `ingest status %s` lists them", ErrNoUpload, feedName, name, feedName)
	}
	var some []string
	for _, u := range begun[:min(len(begun), 5)] {
		some = append(some, fmt.Sprintf("%s (%s)", u.ID, u.Key))
	}
	return ledger.Upload{}, fmt.Errorf("%w alone of feed %q: %d begin with %q, such as %s: say which", ErrNoUpload, feedName, len(begun), name, strings.Join(some, ", "))
}

func isID(name string) bool {
	return len(name) == ids.IDLength && !slices.ContainsFunc([]byte(name), func(c byte) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'v')
	})
}
