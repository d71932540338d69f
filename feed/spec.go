// Package feed holds the one description of a feed that the construct
// validates, the functions read from their environment and the SQL is
// generated from. It is plain Go: it imports neither jsii nor an AWS SDK.
package feed

import (
	"encoding/json"
	"errors"
	"fmt"
)

// EnvSpec is the environment variable that carries a Spec, as JSON, to the functions.
const EnvSpec = "FEED_SPEC"

// Spec describes one feed: where its records come from, what they look like
// and where they go. Bucket and table names are not part of it: they reach a
// function by its environment (see EnvLandingBucket and EnvTable), because they
// are deploy-time tokens at synthesis.
type Spec struct {
	// Feed names the feed: 1 to 40 characters of [a-z0-9-], starting with a
	// letter. It is part of every key and of every record's ID.
	Feed string `json:"feed"`
	// Sources are where the feed's files come from: at least one, at most one
	// of them OwnBucket.
	Sources []Source `json:"sources"`
	// LandingPrefix comes before the feed's name in the key of every part,
	// without a leading slash and with a trailing one.
	LandingPrefix string `json:"landingPrefix"`
	// QuarantinePrefix is to quarantine objects what LandingPrefix is to parts.
	QuarantinePrefix string `json:"quarantinePrefix"`
	// Format says how an entry is split into records.
	Format Format `json:"format"`
	// PartBytes is the size, before compression, at which a part is closed.
	PartBytes int64 `json:"partBytes"`
	// Limits bound what one source object may ask of the functions.
	Limits Limits `json:"limits"`
}

// Kind is the shape of a feed's entries.
type Kind string

// The kinds of format.
const (
	// JSON is a JSON array, an array inside an object (Format.Path), one or
	// several concatenated documents, or one document a line.
	JSON Kind = "json"
	// NDJSON is one JSON document a line. A broken line costs that line alone.
	NDJSON Kind = "ndjson"
	// CSV is delimited text with a header row.
	CSV Kind = "csv"
)

// Format describes the records of an entry, after decompression.
type Format struct {
	Kind Kind `json:"kind"`
	// Path leads to the array of records inside a JSON document, as object
	// keys separated by dots ("features", "result.items"). Empty: the document itself.
	Path string `json:"path,omitempty"`
	// Delimiter separates the fields of delimited text: one ASCII character.
	Delimiter string `json:"delimiter,omitempty"`
	// Columns, when given, are the names that the header row must have, in its order.
	Columns []string `json:"columns,omitempty"`
	// Quotes is how the quotes around fields of delimited text are read.
	Quotes Quotes `json:"quotes,omitempty"`
	// Encoding of the text. Empty: UTF-8, or UTF-16 where a byte order mark says so.
	Encoding Encoding `json:"encoding,omitempty"`
}

// Quotes is how the quotes around fields of delimited text are read.
type Quotes string

// Unset, a field that begins with a quote ends with one, but a row whose quotes were
// probably not meant so is quarantined: each of its lines has as many delimiters as a
// row has.
const (
	// NoQuotes reads a quote as an ordinary character.
	NoQuotes Quotes = "none"
	// TrustQuotes reads every field that begins with a quote up to the next one.
	TrustQuotes Quotes = "trust"
)

// Encoding is how text is written in bytes, where the bytes do not tell.
type Encoding string

// Latin1 is Windows-1252, as browsers decode Latin-1: ISO 8859-1 with quotes, dashes
// and the euro sign instead of the control characters 0x80 to 0x9F.
const Latin1 Encoding = "latin1"

// Limits bound what one source object may make a function do. A zero field
// means its default.
type Limits struct {
	// MaxEntries is how many files one archive may hold (default 100,000).
	MaxEntries int `json:"maxEntries,omitempty"`
	// MaxEntryBytes is how large one entry may become, decompressed (default 5 TiB).
	MaxEntryBytes int64 `json:"maxEntryBytes,omitempty"`
	// MaxRatio is how many bytes one compressed byte may become (default 1,100;
	// DEFLATE cannot exceed 1,032), counted after the first 64 MiB.
	MaxRatio int64 `json:"maxRatio,omitempty"`
	// MaxRecordBytes is how large one record may be (default 16 MiB, Snowflake's VARIANT).
	MaxRecordBytes int `json:"maxRecordBytes,omitempty"`
	// MaxDepth is how deep archives and compressions may nest (default 4).
	MaxDepth int `json:"maxDepth,omitempty"`
}

// Defaults of a Spec.
const (
	DefaultLandingPrefix    = "landing/"
	DefaultChangesPrefix    = "changes/" // see package export; it is no field of the Spec
	DefaultQuarantinePrefix = "quarantine/"
	DefaultPartBytes        = 32 << 20
	DefaultMaxEntries       = 100_000
	DefaultMaxEntryBytes    = 5 << 40
	DefaultMaxRatio         = 1_100
	DefaultMaxRecordBytes   = 16 << 20
	DefaultMaxDepth         = 4
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
	return s
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Env returns the value of EnvSpec.
func (s Spec) Env() (string, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("feed %q: encode spec: %w", s.Feed, err)
	}
	return string(b), nil
}

// FromEnv reads the Spec that a function was deployed with, through getenv.
func FromEnv(getenv func(string) string) (Spec, error) {
	var s Spec
	v := getenv(EnvSpec)
	if v == "" {
		return s, fmt.Errorf("environment variable %s is not set", EnvSpec)
	}
	if err := json.Unmarshal([]byte(v), &s); err != nil {
		return s, fmt.Errorf("environment variable %s: %w", EnvSpec, err)
	}
	s = s.WithDefaults()
	if err := errors.Join(s.Validate(), s.checkSources()); err != nil {
		return s, fmt.Errorf("environment variable %s: %w", EnvSpec, err)
	}
	return s, nil
}
