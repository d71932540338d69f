package feed

import (
	"encoding/json"
	"errors"
	"fmt"
)

// EnvSpec is the environment variable that carries a Spec, as JSON, to the functions.
const EnvSpec = "FEED_SPEC"

// Spec specifies one feed. The names of its landing bucket and table are not part of
// it: they are unknown at synthesis, and reach a function in environment variables of
// their own (EnvLandingBucket, EnvTable).
type Spec struct {
	// Feed names the feed: 1 to 40 characters of [a-z0-9-], starting with a
	// letter. It is part of every key and of every record's ID.
	Feed string `json:"feed"`
	// Sources are the places of the feed's files: at least one, and at most one of kind
	// OwnBucket.
	Sources []Source `json:"sources"`
	// LandingPrefix precedes the feed's name in the keys of parts. It ends with a slash
	// and does not start with one.
	LandingPrefix string `json:"landingPrefix"`
	// QuarantinePrefix is the same for the objects of quarantine.
	QuarantinePrefix string `json:"quarantinePrefix"`
	// Format is how an entry is split into records. An entry is a file in an archive, or
	// a file that is no archive.
	Format Format `json:"format"`
	// PartBytes is the size, in bytes before compression, at which a part is closed: 8
	// KiB to 512 MiB.
	PartBytes int64 `json:"partBytes"`
	// Limits bound the resources that one source object can use.
	Limits Limits `json:"limits"`
	// NoTable leaves the records out of the table: they are in the parts alone.
	NoTable bool `json:"noTable,omitempty"`
	// RecordKey is the key by which the table's index KeyIndex finds the records, nil for none.
	RecordKey *RecordKey `json:"recordKey,omitempty"`
	// ExpireAfterDays is for how many days the table keeps a record: 1 to MaxExpireDays, 0
	// for ever. ExpireInSnowflake means that a record that has expired is deleted in
	// Snowflake too, where that reads the changes of the table.
	ExpireAfterDays   int  `json:"expireAfterDays,omitempty"`
	ExpireInSnowflake bool `json:"expireInSnowflake,omitempty"`
	// Shape changes the records of the sources that have none of their own, nil for none.
	Shape *Shape `json:"shape,omitempty"`
	// Announce means that an event on the default bus of EventBridge announces each upload
	// that is complete, see EventSource.
	Announce bool `json:"announce,omitempty"`
}

// Limits bound the resources that one source object can use, so that a malicious or
// damaged file cannot stop a feed. What exceeds them is quarantined. A zero field
// means the default.
type Limits struct {
	// MaxEntries is the greatest number of files in one archive (default 100,000).
	MaxEntries int `json:"maxEntries,omitempty"`
	// MaxEntryBytes is the greatest size of a decompressed entry, in bytes (default 5 TiB).
	MaxEntryBytes int64 `json:"maxEntryBytes,omitempty"`
	// MaxRatio is the greatest compression ratio (default 1,100; DEFLATE cannot exceed
	// 1,032). It is not checked in the first 64 MiB of an entry.
	MaxRatio int64 `json:"maxRatio,omitempty"`
	// MaxRecordBytes is the greatest size of a record, in bytes (default 16 MiB, that of
	// Snowflake's VARIANT).
	MaxRecordBytes int `json:"maxRecordBytes,omitempty"`
	// MaxDepth is the greatest depth of nested archives and compressed files (default 4).
	MaxDepth int `json:"maxDepth,omitempty"`
	// MaxColumns is the greatest number of columns in the header row of delimited text
	// (default 10,000). A file whose header row has more is quarantined as a whole.
	MaxColumns int `json:"maxColumns,omitempty"`
	// MaxRecordsPerByte is the greatest number of records for each byte of the source
	// object (default 10). It is not checked in the first FreeRecords of an object: a
	// compressed file of 100 KB can have 50 million records, and each is a write to the
	// table.
	MaxRecordsPerByte int `json:"maxRecordsPerByte,omitempty"`
}

// FreeRecords is how many records any source object may have, see
// Limits.MaxRecordsPerByte.
const FreeRecords = 1_000_000

// Records is the greatest number of records of a source object of size bytes.
func (l Limits) Records(size int64) int64 {
	each := int64(l.MaxRecordsPerByte)
	if each == 0 {
		each = DefaultMaxRecordsPerByte
	}
	return max(FreeRecords, each*size)
}

// Defaults of a Spec.
const (
	DefaultLandingPrefix    = "landing/"
	DefaultChangesPrefix    = "changes/" // of the table's changes; not a field of Spec
	DefaultQuarantinePrefix = "quarantine/"
	DefaultPartBytes        = 32 << 20
	// DefaultUnpackMemoryMB and DefaultLoadMemoryMB size the functions: unpack
	// decompresses, load mostly waits for the table.
	DefaultUnpackMemoryMB = 1769
	DefaultLoadMemoryMB   = 256
	DefaultMaxEntries     = 100_000
	DefaultMaxEntryBytes  = 5 << 40
	DefaultMaxRatio       = 1_100
	DefaultMaxRecordBytes = 16 << 20
	DefaultMaxDepth       = 4
	DefaultMaxColumns     = 10_000

	DefaultMaxRecordsPerByte = 10

	// MaxExpireDays is the greatest ExpireAfterDays: a hundred years.
	MaxExpireDays = 36_500
)

// WithDefaults returns s with every unset field that has a default filled in.
func (s Spec) WithDefaults() Spec {
	setDefault(&s.LandingPrefix, DefaultLandingPrefix)
	setDefault(&s.QuarantinePrefix, DefaultQuarantinePrefix)
	setDefault(&s.PartBytes, DefaultPartBytes)
	setDefault(&s.Limits.MaxEntries, DefaultMaxEntries)
	setDefault(&s.Limits.MaxEntryBytes, DefaultMaxEntryBytes)
	setDefault(&s.Limits.MaxRatio, DefaultMaxRatio)
	setDefault(&s.Limits.MaxRecordBytes, DefaultMaxRecordBytes)
	setDefault(&s.Limits.MaxDepth, DefaultMaxDepth)
	setDefault(&s.Limits.MaxColumns, DefaultMaxColumns)
	setDefault(&s.Limits.MaxRecordsPerByte, DefaultMaxRecordsPerByte)
	return s
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// MaxEnvBytes is the greatest size of the value of EnvSpec: it leaves the other variables
// 512 of the 4 KB that the environment of a function may take ("Lambda quotas").
const MaxEnvBytes = 4096 - 512

// Env returns the value of EnvSpec: JSON or, where that has more than MaxEnvBytes, its
// compressed form, which begins with compressedPrefix. That may have more too.
func (s Spec) Env() (string, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("feed %q: encode spec: %w", s.Feed, err)
	}
	if len(b) <= MaxEnvBytes {
		return string(b), nil
	}
	return compress(b)
}

// FromEnv reads, completes and validates the Spec in EnvSpec through getenv.
func FromEnv(getenv func(string) string) (Spec, error) {
	var s Spec
	v := getenv(EnvSpec)
	if v == "" {
		return s, fmt.Errorf("environment variable %s is not set", EnvSpec)
	}
	b, err := decompress(v)
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, fmt.Errorf("environment variable %s: %w", EnvSpec, err)
	}
	s = s.WithDefaults()
	if err := errors.Join(s.Validate(), s.checkSources()); err != nil {
		return s, fmt.Errorf("environment variable %s: %w", EnvSpec, err)
	}
	return s, nil
}
