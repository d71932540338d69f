package overview

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// Upload is one upload as the ledger describes it.
type Upload struct {
	Upload  string      `json:"upload"`
	Key     string      `json:"key"`
	Source  string      `json:"source"`
	Version string      `json:"version"`
	State   UploadState `json:"state"`
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
	Filtered      int64 `json:"filtered,omitempty"` // left out as the shape says
	Parts         int64 `json:"parts"`
	PartsLoaded   int64 `json:"parts_loaded"`
	// Reasons counts the quarantined records.
	Reasons map[string]int64 `json:"reasons,omitempty"`
	Message string           `json:"message,omitempty"`
	// Continuations is the number of times that unpack reached its time limit and
	// continued in another invocation.
	Continuations int        `json:"continuations,omitempty"`
	StartedAt     *time.Time `json:"started_at"`
	UnpackedAt    *time.Time `json:"unpacked_at"`
	LoadedAt      *time.Time `json:"loaded_at"`
}

// Took is the time from the start of unpack until the last part was loaded; 0 if it is
// not loaded yet.
func (u Upload) Took() time.Duration {
	if u.StartedAt == nil || u.LoadedAt == nil {
		return 0
	}
	return u.LoadedAt.Sub(*u.StartedAt)
}

// NewUpload converts an item of the ledger.
func NewUpload(u ledger.Upload) Upload {
	return Upload{
		Upload: u.ID, Key: u.Key, Source: u.Source(), Version: u.Version(), State: StateOf(u), Time: u.Time,
		Bytes: u.Size, BytesUnpacked: u.BytesUnpacked, BytesLanded: u.BytesLanded, Entries: u.Entries,
		Records: u.Records, Stored: u.Stored, Quarantined: u.Quarantined(), Filtered: u.Filtered, Parts: u.Parts, PartsLoaded: u.PartsLoaded,
		Reasons: u.Reasons, Message: u.Message, Continuations: u.Checkpoint.Continuations,
		StartedAt: orNil(u.StartedAt), UnpackedAt: orNil(u.UnpackedAt), LoadedAt: orNil(u.LoadedAt),
	}
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Filter selects uploads.
type Filter struct {
	// Since excludes uploads whose source object is older; zero excludes none.
	Since time.Time
	// State selects a state; empty for all.
	State UploadState
	// Limit is the maximum number of uploads; 0 for all.
	Limit int
}

// Uploads lists the uploads of a feed, newest source object first.
func Uploads(ctx context.Context, l *ledger.Ledger, feedName string, f Filter) ([]Upload, error) {
	uploads := []Upload{}
	listing := ledger.Listing{Feed: feedName, Since: f.Since}
	if f.State == "" {
		listing.Limit = f.Limit
	}
	err := l.List(ctx, listing, func(u ledger.Upload) bool {
		if f.State == "" || f.State == StateOf(u) {
			uploads = append(uploads, NewUpload(u))
		}
		return f.Limit == 0 || len(uploads) < f.Limit
	})
	return uploads, err
}

// Part is one part of an upload.
type Part struct {
	Part     string           `json:"part"`
	Entry    int              `json:"entry"` // of its first record
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

// Detail is one upload with its parts.
type Detail struct {
	Upload
	// PartsFolder and QuarantineFolder are the URIs of its objects.
	PartsFolder      string `json:"parts_folder"`
	QuarantineFolder string `json:"quarantine_folder"`
	PartList         []Part `json:"part_list"`
}

// Locations names the bucket and prefixes of a feed's objects.
type Locations struct {
	LandingBucket, LandingPrefix, QuarantinePrefix string
}

// ReadUpload reads the parts of an upload.
func ReadUpload(ctx context.Context, l *ledger.Ledger, u ledger.Upload, where Locations) (Detail, error) {
	d := Detail{
		Upload:           NewUpload(u),
		PartsFolder:      "s3://" + where.LandingBucket + "/" + u.Folder(where.LandingPrefix),
		QuarantineFolder: "s3://" + where.LandingBucket + "/" + u.Folder(where.QuarantinePrefix),
		PartList:         []Part{},
	}
	err := l.PartsOf(ctx, u, func(p ledger.Part) bool {
		d.PartList = append(d.PartList, Part{
			Part: p.Name, Entry: p.Entry, Key: p.Key, State: p.State, Records: p.Records, Stored: p.Stored, Rejected: p.Rejected,
			Bytes: p.Bytes, Reasons: p.Reasons, Message: p.Message, LandedAt: orNil(p.LandedAt), LoadedAt: orNil(p.LoadedAt),
		})
		return true
	})
	if u.Shared != "" && len(d.PartList) > 0 {
		d.PartsFolder = "s3://" + where.LandingBucket + "/" + path.Dir(d.PartList[0].Key) + "/"
	}
	return d, err
}

// ErrNoUpload is for a name that matches no upload, or several.
var ErrNoUpload = errors.New("no such upload")

// FindUpload returns the upload with a name: its ID, the key of its source object (the
// newest version, if the object was put several times), or the beginning of either, if
// only one key or ID begins with it.
func FindUpload(ctx context.Context, l *ledger.Ledger, feedName, name string) (ledger.Upload, error) {
	if isID(name) {
		u, ok, err := l.GetUpload(ctx, feedName, name)
		if ok || err != nil {
			return u, err
		}
	}
	var newest *ledger.Upload   // whose key is the name
	var matches []ledger.Upload // the newest upload of each key, and each ID, that begins with the name
	keys := map[string]bool{}
	err := l.Uploads(ctx, feedName, func(u ledger.Upload) bool {
		switch {
		case u.Key == name || u.Source() == name:
			newest = &u
			return false
		case strings.HasPrefix(u.Key, name) && !keys[u.Key], len(name) >= 4 && strings.HasPrefix(u.ID, name):
			keys[u.Key] = true
			matches = append(matches, u)
		}
		return true
	})
	switch {
	case err != nil:
		return ledger.Upload{}, err
	case newest != nil:
		return *newest, nil
	case len(matches) == 1:
		return matches[0], nil
	case len(matches) == 0:
		return ledger.Upload{}, fmt.Errorf("%w of feed %q: no ID or key begins with %q: `ingest status %s` lists the uploads, `ingest reconcile %s` the files of the bucket that have none", ErrNoUpload, feedName, name, feedName, feedName)
	}
	var some []string
	for _, u := range matches[:min(len(matches), 5)] {
		some = append(some, fmt.Sprintf("%s (%s)", u.ID, u.Key))
	}
	return ledger.Upload{}, fmt.Errorf("%w of feed %q: %d begin with %q, such as %s: give more of the name", ErrNoUpload, feedName, len(matches), name, strings.Join(some, ", "))
}

func isID(name string) bool {
	return len(name) == ids.IDLength && !slices.ContainsFunc([]byte(name), func(c byte) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'v')
	})
}
