package feed

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SourceKind is how a feed is notified of the objects of a source.
type SourceKind string

// The kinds of source.
const (
	// OwnBucket is a bucket that is created with the feed: S3 notifies unpack directly.
	OwnBucket SourceKind = "own"
	// ExistingBucket is a bucket of the same account that the feed does not own: its
	// notifications come through EventBridge.
	ExistingBucket SourceKind = "existing"
	// ExternalBucket is a bucket of which the feed has read access only: discover lists
	// it on a schedule.
	ExternalBucket SourceKind = "external"
)

// Source is a bucket, or a prefix in one, with files of a feed.
type Source struct {
	Kind SourceKind `json:"kind"`
	// Bucket is the bucket's name. It is empty for OwnBucket, whose name is known only
	// after deployment.
	Bucket string `json:"bucket,omitempty"`
	// Prefix limits the source to keys that start with it; empty means all.
	Prefix string `json:"prefix,omitempty"`
	// Suffixes limits the source to keys that end with one of them; empty means all.
	Suffixes []string `json:"suffixes,omitempty"`
	// RequesterPays means that the reader pays for the requests and the data transfer.
	RequesterPays bool `json:"requesterPays,omitempty"`
	// RoleARN is the role that the functions assume to read the bucket, with ExternalID
	// if its trust policy requires one. Empty: the functions' own roles.
	RoleARN    string `json:"roleArn,omitempty"`
	ExternalID string `json:"externalId,omitempty"`
	// EveryMinutes is the interval between listings of an ExternalBucket, in minutes: 1
	// to MaxEveryMinutes.
	EveryMinutes int `json:"everyMinutes,omitempty"`
	// Shape changes the records of this source, in place of the feed's Shape; nil for that.
	Shape *Shape `json:"shape,omitempty"`
}

// MaxEveryMinutes is the longest interval between two listings: a day.
const MaxEveryMinutes = 24 * 60

// checkSources reports everything that is wrong with the kinds of the sources. It is
// not part of Validate: the construct reports the same in terms of its props.
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
			add("Kind", "%q is given twice, but a feed creates one bucket: separate the files by prefix", OwnBucket)
		}
	}
	return errors.Join(errs...)
}

// IsFolderMarker reports whether an object is a folder marker, which consoles create: an
// empty object whose key ends in a slash. One with content is a file like any other.
func IsFolderMarker(key string, size int64) bool { return size == 0 && strings.HasSuffix(key, "/") }

// Accepts reports whether an object with a key belongs to the source, unless it is a
// folder marker (see IsFolderMarker).
func (s Source) Accepts(key string) bool {
	if !strings.HasPrefix(key, s.Prefix) {
		return false
	}
	return len(s.Suffixes) == 0 || slices.ContainsFunc(s.Suffixes, func(suffix string) bool {
		return strings.HasSuffix(key, suffix)
	})
}

// SourceOf returns the source that an object belongs to, and false if there is none. A
// bucket that no source names is the feed's own.
func (s Spec) SourceOf(bucket, key string) (Source, bool) {
	named := slices.ContainsFunc(s.Sources, func(source Source) bool { return source.Bucket == bucket })
	for _, source := range s.Sources {
		if (source.Bucket == bucket || source.Bucket == "" && !named) && source.Accepts(key) {
			return source, true
		}
	}
	return Source{}, false
}

// ShapeOf returns the shape of the records of an object: that of its source, or else that of
// the feed, which is nil for none.
func (s Spec) ShapeOf(bucket, key string) *Shape {
	if source, ok := s.SourceOf(bucket, key); ok && source.Shape != nil {
		return source.Shape
	}
	return s.Shape
}

// Shapes are the feed's shape and those of its sources.
func (s Spec) Shapes() []*Shape {
	var all []*Shape
	if s.Shape != nil {
		all = append(all, s.Shape)
	}
	for _, source := range s.Sources {
		if source.Shape != nil {
			all = append(all, source.Shape)
		}
	}
	return all
}
