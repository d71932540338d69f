package feed

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SourceKind says how a feed hears of the objects of a source.
type SourceKind string

// The kinds of source.
const (
	// OwnBucket is made with the feed and tells unpack itself.
	OwnBucket SourceKind = "own"
	// ExistingBucket is another's bucket in the same account, heard through EventBridge.
	ExistingBucket SourceKind = "existing"
	// ExternalBucket is someone else's, listed on a schedule by discover.
	ExternalBucket SourceKind = "external"
)

// Source is one place that the files of a feed come from.
type Source struct {
	Kind SourceKind `json:"kind"`
	// Bucket is empty for the feed's own, whose name is known at deployment only.
	Bucket string `json:"bucket,omitempty"`
	// Prefix limits the source to keys that start with it; empty means all.
	Prefix string `json:"prefix,omitempty"`
	// Suffixes limits the source to keys that end with one of them; empty means all.
	Suffixes []string `json:"suffixes,omitempty"`
	// RequesterPays says that the bucket's owner has whoever reads it pay.
	RequesterPays bool `json:"requesterPays,omitempty"`
	// RoleARN is the role to assume for reading, with ExternalID where its
	// owner asks for one. Empty: the functions' own.
	RoleARN    string `json:"roleArn,omitempty"`
	ExternalID string `json:"externalId,omitempty"`
	// EveryMinutes is how often an ExternalBucket is listed.
	EveryMinutes int `json:"everyMinutes,omitempty"`
}

// MaxEveryMinutes is the longest time between two listings: a day.
const MaxEveryMinutes = 24 * 60

// checkSources reports what is wrong with the sources as such. The construct
// says the same in the words of its props, so Validate leaves it out.
func (s Spec) checkSources() error {
	var errs []error
	own := 0
	for i, source := range s.Sources {
		add := func(field, format string, args ...any) {
			errs = append(errs, fmt.Errorf("feed %q: Sources[%d].%s: %s", s.Feed, i, field, fmt.Sprintf(format, args...)))
		}
		switch source.Kind {
		case OwnBucket:
			own++
		case ExistingBucket:
		case ExternalBucket:
			if source.EveryMinutes < 1 || source.EveryMinutes > MaxEveryMinutes {
				add("EveryMinutes", "%d is outside 1 to %d", source.EveryMinutes, MaxEveryMinutes)
			}
		default:
			add("Kind", "%q is none of %s, %s, %s", source.Kind, OwnBucket, ExistingBucket, ExternalBucket)
		}
		if source.Bucket == "" && source.Kind != OwnBucket {
			add("Bucket", "is required for kind %q", source.Kind)
		}
		if own > 1 && source.Kind == OwnBucket {
			add("Kind", "%q is there twice, and a feed makes one bucket: tell the files apart by prefix", OwnBucket)
		}
	}
	return errors.Join(errs...)
}

// Accepts reports whether the source takes the object of a key. Keys that end
// in a slash are the folder markers that consoles create.
func (s Source) Accepts(key string) bool {
	if strings.HasSuffix(key, "/") || !strings.HasPrefix(key, s.Prefix) {
		return false
	}
	return len(s.Suffixes) == 0 || slices.ContainsFunc(s.Suffixes, func(suffix string) bool {
		return strings.HasSuffix(key, suffix)
	})
}

// SourceOf returns the source that an object is of, or false for none. A bucket
// that no source names is the feed's own.
func (s Spec) SourceOf(bucket, key string) (Source, bool) {
	named := slices.ContainsFunc(s.Sources, func(source Source) bool { return source.Bucket == bucket })
	for _, source := range s.Sources {
		if (source.Bucket == bucket || source.Bucket == "" && !named) && source.Accepts(key) {
			return source, true
		}
	}
	return Source{}, false
}
