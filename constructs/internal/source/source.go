// Package source describes where the files of a feed come from, as the bucket's
// notifications and the rules of EventBridge express it.
package source

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
)

// The two kinds of event that EventBridge has of objects.
const (
	Created = "Object Created"
	Deleted = "Object Deleted"
)

// Source is one source: what the functions read from their environment, and what
// only the CDK needs.
type Source struct {
	feed.Source
	// Options that were given, by name: not every kind of source has each.
	Options        []string
	NoncurrentDays int
	KeyARN         string
	Every          time.Duration
	Shared         bool
}

// ID begins the IDs of the source's constructs. It is made from what the source
// is, not from its position: another source before it must not replace its rule.
func (s Source) ID() string {
	return "Source" + stackscope.Digest(strings.Join([]string{string(s.Kind), s.Bucket, s.Prefix, strings.Join(s.Suffixes, "\x00")}, "\x00"), 4)
}

// EventPattern is the pattern of the source's rule.
func (s Source) EventPattern(detailType string) map[string]any {
	detail := map[string]any{"bucket": map[string]any{"name": []any{s.Bucket}}}
	if keys := s.keyPatterns(); keys != nil {
		detail["object"] = map[string]any{"key": keys}
	}
	return map[string]any{"source": []any{"aws.s3"}, "detail-type": []any{detailType}, "detail": detail}
}

// keyPatterns are patterns of which a key must match one; nil matches all. A key
// must have both the prefix and a suffix, so the two are put into one wildcard.
func (s Source) keyPatterns() []any {
	if len(s.Suffixes) == 0 {
		if s.Prefix == "" {
			return nil
		}
		return []any{map[string]any{"prefix": s.Prefix}}
	}
	var patterns []any
	for _, suffix := range s.Suffixes {
		if s.Prefix == "" {
			patterns = append(patterns, map[string]any{"suffix": suffix})
			continue
		}
		patterns = append(patterns, map[string]any{"wildcard": escapeWildcard(s.Prefix) + "*" + escapeWildcard(suffix)})
		// A key in which the two overlap, such as "a.csv" with prefix "a." and suffix
		// ".csv", does not match the wildcard.
		for n := 1; n <= min(len(s.Prefix), len(suffix)); n++ {
			if strings.HasSuffix(s.Prefix, suffix[:n]) {
				patterns = append(patterns, s.Prefix+suffix[n:])
			}
		}
	}
	return patterns
}

// escapeWildcard escapes what has a meaning in a wildcard of EventBridge.
func escapeWildcard(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`).Replace(text)
}

// Filters returns the filter of each notification: one per suffix. A filter
// without any rule is refused by the CDK, so one that matches all is nil.
func (s Source) Filters() [][]*awss3.NotificationKeyFilter {
	var prefix *string
	if s.Prefix != "" {
		prefix = &s.Prefix
	}
	if len(s.Suffixes) == 0 {
		if prefix == nil {
			return [][]*awss3.NotificationKeyFilter{nil}
		}
		return [][]*awss3.NotificationKeyFilter{{{Prefix: prefix}}}
	}
	var filters [][]*awss3.NotificationKeyFilter
	for _, suffix := range s.Suffixes {
		filters = append(filters, []*awss3.NotificationKeyFilter{{Prefix: prefix, Suffix: jsii.String(suffix)}})
	}
	return filters
}

// Overlap reports whether an object may belong to both sources.
func Overlap(a, b feed.Source) bool {
	if a.Bucket != b.Bucket || !strings.HasPrefix(a.Prefix, b.Prefix) && !strings.HasPrefix(b.Prefix, a.Prefix) {
		return false
	}
	if len(a.Suffixes) == 0 || len(b.Suffixes) == 0 {
		return true
	}
	return slices.ContainsFunc(a.Suffixes, func(x string) bool {
		return slices.ContainsFunc(b.Suffixes, func(y string) bool { return strings.HasSuffix(x, y) || strings.HasSuffix(y, x) })
	})
}
