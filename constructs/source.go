package constructs

import (
	"slices"
	"time"

	"example.com/ingestion/constructs/internal/source"
	"example.com/ingestion/feed"
)

// Source is where the files of a feed come from. Make one with NewBucket,
// ExistingBucket or ExternalBucket, and one of several with Sources.
type Source interface {
	// list returns the single sources, in the order given.
	list() []source.Source
}

type sources []source.Source

func (s sources) list() []source.Source { return s }

// Sources are several sources of one feed: at most one NewBucket, and no object
// in two of them.
func Sources(of ...Source) Source {
	all := sources{}
	for _, s := range of {
		if s != nil {
			all = append(all, s.list()...)
		}
	}
	return all
}

// SourceOption is an option of a Source.
type SourceOption struct {
	name  string
	apply func(*source.Source)
}

func option(name string, apply func(*source.Source)) SourceOption { return SourceOption{name, apply} }

// WithPrefix limits the source to objects whose key starts with prefix, such as "incoming/".
func WithPrefix(prefix string) SourceOption {
	return option("WithPrefix", func(s *source.Source) { s.Prefix = prefix })
}

// WithSuffixes limits the source to objects whose key ends with one of suffixes,
// such as ".json.gz". At most 100, none the end of another.
func WithSuffixes(suffixes ...string) SourceOption {
	return option("WithSuffixes", func(s *source.Source) { s.Suffixes = suffixes })
}

// WithNoncurrentDays sets for how many days an overwritten or deleted object of
// a NewBucket can still be read and replayed (default 30).
func WithNoncurrentDays(days int) SourceOption {
	return option("WithNoncurrentDays", func(s *source.Source) { s.NoncurrentDays = days })
}

// WithKey names the KMS key that the objects of an ExistingBucket or
// ExternalBucket are encrypted with, by its ARN. The functions may then decrypt
// with it; its owner must allow that in the key's own policy.
func WithKey(arn string) SourceOption {
	return option("WithKey", func(s *source.Source) { s.KeyARN = arn })
}

// RequesterPays is for an ExternalBucket whose requesters pay for what they read.
func RequesterPays() SourceOption {
	return option("RequesterPays", func(s *source.Source) { s.RequesterPays = true })
}

// AssumeRole reads an ExternalBucket through a role that its owner has made. The
// role must trust this account, with the external ID if one is given, and may
// read the bucket.
func AssumeRole(arn, externalID string) SourceOption {
	return option("AssumeRole", func(s *source.Source) { s.RoleARN, s.ExternalID = arn, externalID })
}

// Shared allows another feed to take the same objects: each then has its own
// records of them. Without it, validation reports such sources as a mistake.
func Shared() SourceOption {
	return option("Shared", func(s *source.Source) { s.Shared = true })
}

const defaultNoncurrentDays = 30

// NewBucket is a bucket of the feed's own: encrypted, versioned, TLS only,
// closed to the public and kept when the feed is destroyed.
func NewBucket(options ...SourceOption) Source {
	return newSource(source.Source{Source: feed.Source{Kind: feed.OwnBucket}, NoncurrentDays: defaultNoncurrentDays}, options)
}

// ExistingBucket is a bucket of the same account and region that is not part of
// the feed. A rule of EventBridge notifies the feed of its objects, for which
// EventBridge must be turned on in the bucket's properties; nothing of the bucket is
// changed.
func ExistingBucket(name string, options ...SourceOption) Source {
	return newSource(source.Source{Source: feed.Source{Kind: feed.ExistingBucket, Bucket: name}}, options)
}

// ExternalBucket is a bucket of somebody else that the feed may read and nothing
// more: it is listed at an interval, 1 minute to 1 day in whole minutes.
// Objects that are new or changed since the last listing are taken. Its policy, or
// that of the role to assume, must allow s3:ListBucket, s3:GetObject and, where it
// has versions, s3:ListBucketVersions and s3:GetObjectVersion.
func ExternalBucket(name string, every time.Duration, options ...SourceOption) Source {
	return newSource(source.Source{
		Source: feed.Source{Kind: feed.ExternalBucket, Bucket: name, EveryMinutes: int(every / time.Minute)},
		Every:  every,
	}, options)
}

func newSource(s source.Source, options []SourceOption) Source {
	for _, o := range options {
		s.Options = append(s.Options, o.name)
		o.apply(&s)
	}
	return sources{s}
}

// sources are those of the feed, none for a feed without Source.
func (p IngestionPipelineProps) sources() []source.Source {
	if p.Source == nil {
		return nil
	}
	return p.Source.list()
}

// has reports whether the feed has a source of a kind.
func (p IngestionPipelineProps) has(kind feed.SourceKind) bool {
	return slices.ContainsFunc(p.sources(), func(s source.Source) bool { return s.Kind == kind })
}
