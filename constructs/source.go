package constructs

import (
	"slices"
	"time"

	"example.com/ingestion/feed"
)

// Source is where the files of a feed come from. Make one with NewBucket,
// ExistingBucket or ExternalBucket, and one of several with Sources.
type Source interface {
	// list returns the single sources, in the order given.
	list() []source
}

// source is a single one: what the functions must know of it, and what only the
// CDK needs.
type source struct {
	feed.Source
	// options that were given, by name: not every kind of source has each.
	options        []string
	noncurrentDays int
	keyARN         string
	every          time.Duration
	shared         bool
}

func (s source) list() []source { return []source{s} }

type sources []source

func (s sources) list() []source { return s }

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
type SourceOption func(*source)

func option(name string, apply func(*source)) SourceOption {
	return func(s *source) {
		s.options = append(s.options, name)
		apply(s)
	}
}

// WithPrefix limits the source to objects whose key starts with prefix, such as "incoming/".
func WithPrefix(prefix string) SourceOption {
	return option("WithPrefix", func(s *source) { s.Prefix = prefix })
}

// WithSuffixes limits the source to objects whose key ends with one of suffixes,
// such as ".json.gz". At most 100, none the end of another.
func WithSuffixes(suffixes ...string) SourceOption {
	return option("WithSuffixes", func(s *source) { s.Suffixes = suffixes })
}

// WithNoncurrentDays sets for how many days an overwritten or deleted object of
// a NewBucket can still be read and replayed (default 30).
func WithNoncurrentDays(days int) SourceOption {
	return option("WithNoncurrentDays", func(s *source) { s.noncurrentDays = days })
}

// WithKey names the KMS key that the objects of an ExistingBucket or
// ExternalBucket are encrypted with, by its ARN. The functions may decrypt with
// it; that the key's own policy lets them is up to its owner.
func WithKey(arn string) SourceOption {
	return option("WithKey", func(s *source) { s.keyARN = arn })
}

// RequesterPays is for an ExternalBucket whose owner has whoever reads it pay.
func RequesterPays() SourceOption {
	return option("RequesterPays", func(s *source) { s.RequesterPays = true })
}

// AssumeRole reads an ExternalBucket through a role that its owner has made. The
// role must trust this account, with the external ID if one is given, and may
// read the bucket.
func AssumeRole(arn, externalID string) SourceOption {
	return option("AssumeRole", func(s *source) { s.RoleARN, s.ExternalID = arn, externalID })
}

// Shared says that another feed takes the same objects, on purpose: each then
// has its own records of them. Without it that is taken for a mistake.
func Shared() SourceOption {
	return option("Shared", func(s *source) { s.shared = true })
}

const defaultNoncurrentDays = 30

// NewBucket is a bucket of the feed's own: encrypted, versioned, TLS only,
// closed to the public and kept when the feed is destroyed.
func NewBucket(options ...SourceOption) Source {
	return newSource(source{Source: feed.Source{Kind: feed.OwnBucket}, noncurrentDays: defaultNoncurrentDays}, options)
}

// ExistingBucket is a bucket of the same account and region that somebody else
// looks after. It is heard through a rule of EventBridge, which must be turned
// on in the bucket's properties; nothing of the bucket is changed.
func ExistingBucket(name string, options ...SourceOption) Source {
	return newSource(source{Source: feed.Source{Kind: feed.ExistingBucket, Bucket: name}}, options)
}

// ExternalBucket is someone else's bucket, of which nothing is needed but to
// read it: it is listed every so often, 1 minute to 1 day in whole minutes.
// Objects that are new or changed since the last time are taken. Its policy, or
// that of the role to assume, must allow s3:ListBucket, s3:GetObject and, where it
// has versions, s3:ListBucketVersions and s3:GetObjectVersion.
func ExternalBucket(name string, every time.Duration, options ...SourceOption) Source {
	return newSource(source{
		Source: feed.Source{Kind: feed.ExternalBucket, Bucket: name, EveryMinutes: int(every / time.Minute)},
		every:  every,
	}, options)
}

func newSource(s source, options []SourceOption) Source {
	for _, apply := range options {
		apply(&s)
	}
	return s
}

// sources are those of the feed, none for a feed without Source.
func (p IngestionPipelineProps) sources() []source {
	if p.Source == nil {
		return nil
	}
	return p.Source.list()
}

// has reports whether the feed has a source of a kind.
func (p IngestionPipelineProps) has(kind feed.SourceKind) bool {
	return slices.ContainsFunc(p.sources(), func(s source) bool { return s.Kind == kind })
}
