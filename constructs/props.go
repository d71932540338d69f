package constructs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// Limits bound what one source object may ask of the functions.
type Limits = feed.Limits

// IngestionPipelineProps describe one feed. Feed, Source and Format are
// required; any other zero field means its default.
type IngestionPipelineProps struct {
	// Feed names the feed: 1 to 40 characters of [a-z0-9-], starting with a
	// letter. It is part of every key, so to change it is to start a new feed.
	Feed string
	// Source is where the files come from: NewBucket(), ExistingBucket("name"),
	// ExternalBucket("name", time.Hour), or several: Sources(a, b).
	Source Source
	// Format is how the files are split into records: JSON(), NDJSON(), CSV('|'),
	// FixedWidth(…) or Parquet().
	Format Format
	// Store has the parts and the records. Without it the feed makes one of its own.
	Store *Store
	// Snowflake, when given, takes the feed's records to Snowflake.
	Snowflake *SnowflakeProps
	// NoTable leaves the records out of the table, for a feed that goes to Snowflake
	// alone, from its parts or files: write units are nearly all of what a feed costs.
	// The ledger stays in the table. It may be changed at any time, for the files that
	// come after; earlier records stay where they are.
	NoTable bool
	// RecordKey is the key by which the table finds the versions of a record: KeyedBy("customer_id").
	// It costs as many write units again as the records themselves. It may be given, changed
	// and taken back at any time: it applies to the files that come after, and to the
	// records that are replayed from quarantine.
	RecordKey RecordKey
	// Shape changes each record between its source file and the table, see Shape; a source
	// may have one of its own, see WithShape. It may be given, changed and taken back at any
	// time: it applies to the files that come after, and to the records that are replayed
	// from quarantine, which keeps their original bytes.
	Shape Shape
	// ExpireAfterDays is for how many days after loading the table keeps a record: 1 to
	// 36,500, 0 for ever. DynamoDB deletes expired records without charge, usually within
	// two days, and queries return them until then. It may be given, changed and taken back
	// at any time: it applies to the files that come after.
	ExpireAfterDays int
	// ExpireInSnowflake deletes a record that has expired in Snowflake too, with
	// FromTable(). Default: it stays there.
	ExpireInSnowflake bool
	// Announce sends an event to the default bus of EventBridge when every record of an
	// upload is in the table or in quarantine, at least once for each upload and state, so
	// that rules can start what comes next. It costs $1 for a million uploads.
	Announce bool

	// Alarms configures the feed's alarms. Default: four, if the store has a topic for
	// them.
	Alarms *AlarmProps
	// Metrics has the functions emit uploads, records, bytes and seconds for
	// dashboards and for MetricUploads and so on: five custom metrics, $0.30 each in a
	// month with files.
	Metrics bool
	// Key encrypts everything at rest of a feed with a store of its own: NewKey() or
	// ExistingKey(arn). A feed with a Store uses the key of the store.
	Key Key
	// DeleteData deletes the source bucket, and a store of the feed's own, with the
	// stack, if the CDK's context has deleteData=true too. Default: they are kept.
	DeleteData bool

	// PartBytes is the size, before compression, at which a part is closed
	// (8 KiB to 512 MiB, default 32 MiB).
	PartBytes int64
	// Limits guard against hostile or broken files.
	Limits Limits

	// Architecture of the functions: ARM64 or X86. Default: "architecture" in the
	// context of the CDK; without it ARM64, or HostArchitecture where AWS_ENDPOINT_URL
	// is an address of this machine.
	Architecture Architecture
	// Unpack sizes the function unpack. That of load, which the feeds of a store
	// share, is StoreProps.Load.
	Unpack FunctionProps
	// LogRetentionDays is for how many days the functions' logs are kept (default
	// 30): 1, 3, 5, 7, 14, 30, 60, 90 and so on to 3653, as CloudWatch Logs allows.
	LogRetentionDays int
	// Assets is a folder with binaries of the functions that you have built:
	// <Assets>/<goarch>/<function>/bootstrap. Default: NewIngestionPipeline builds
	// them with the go command from the sources of this module, at the versions that
	// the go.mod in the working directory names, and keeps them in the user's cache
	// directory under a hash of the sources. So an app needs no build step of its
	// own and never deploys a stale binary.
	Assets string
}

const (
	defaultLogRetentionDays = 30
)

func (p IngestionPipelineProps) withDefaults() IngestionPipelineProps {
	setFunctionDefaults(&p.Architecture, &p.LogRetentionDays)
	p.Unpack = p.Unpack.withDefaults(feed.DefaultUnpackMemoryMB)
	return p
}

func setFunctionDefaults(a *Architecture, logRetentionDays *int) {
	*a = cmp.Or(*a, ARM64)
	*logRetentionDays = cmp.Or(*logRetentionDays, defaultLogRetentionDays)
}

// spec is what the functions read from their environment.
func (p IngestionPipelineProps) spec() feed.Spec {
	s := feed.Spec{
		Feed: p.Feed, Format: p.Format.spec, PartBytes: p.PartBytes, Limits: p.Limits, NoTable: p.NoTable, RecordKey: p.RecordKey.key, Shape: shapeOrNil(p.Shape),
		ExpireAfterDays: p.ExpireAfterDays, ExpireInSnowflake: p.ExpireInSnowflake, Announce: p.Announce,
	}
	for _, source := range p.sources() {
		s.Sources = append(s.Sources, source.Source)
	}
	return s.WithDefaults()
}

// report adds a problem of a field.
type report func(field, format string, args ...any)

// Validate reports everything that is wrong with p at once, each problem with
// the feed, the field, the value given and the limit that it broke. It needs
// neither jsii nor the built functions.
func (p IngestionPipelineProps) Validate() error {
	if p.Store != nil {
		return p.validate(p.Store.capabilities)
	}
	own := p.ownStore().capabilities()
	own.own = true
	return p.validate(own)
}

// validate is Validate for a feed of a store with these capabilities.
func (p IngestionPipelineProps) validate(store storeCapabilities) error {
	p = p.withDefaults()
	spec := p.spec()
	errs := []error{spec.Validate()}
	report := p.report(&errs)

	validateSources(report, p.sources(), store.landing)
	p.Architecture.validate(report)
	p.Unpack.validate(report, "Unpack")
	validateLogRetention(report, p.LogRetentionDays)
	if env, err := spec.Env(); err != nil {
		errs = append(errs, err)
	} else if len(env) > feed.MaxEnvBytes {
		report("Format", "the feed's spec is %d bytes long when compressed, the limit is %d because a function's environment holds 4 KB: declare fewer or shorter columns, suffixes and operations of shapes", len(env), feed.MaxEnvBytes)
	}
	p.validateShapes(report, spec)
	p.validateAlarms(report, store)
	p.Key.validate(report, "Key")
	if p.Key.given() && !store.own {
		report("Key", "belongs to a feed with a store of its own: give it to StoreProps.Key")
	}
	if p.NoTable && (p.Snowflake == nil || p.Snowflake.spec(spec).From == snowflake.FromTable) {
		report("NoTable", "leaves the records nowhere but in the landing bucket: give Snowflake with FromParts() or FromFiles(), or leave it out")
	}
	if p.ExpireInSnowflake && (p.Snowflake == nil || p.Snowflake.spec(spec).From != snowflake.FromTable) {
		report("ExpireInSnowflake", "Snowflake learns what has expired from the changes of the table only: give Snowflake with FromTable(), or leave it out")
	}
	if p.Snowflake != nil {
		p.Snowflake.validate(report, spec, store)
		errs = append(errs, p.Snowflake.checkedSpec(spec).Validate())
	}
	return errors.Join(errs...)
}

// report returns a report whose problems are put into errs.
func (p IngestionPipelineProps) report(errs *[]error) report {
	return func(field, format string, args ...any) {
		*errs = append(*errs, fmt.Errorf("feed %q: %s: %s", p.Feed, field, fmt.Sprintf(format, args...)))
	}
}

// functions are the names of the functions that the feed has, with those of a
// store that is made with it.
func (p IngestionPipelineProps) functions() []string {
	names := []string{assets.Unpack}
	if p.Store == nil {
		names = append(names, p.ownStore().functions()...)
	}
	if p.has(feed.ExternalBucket) {
		names = append(names, assets.Discover)
	}
	if p.Snowflake != nil && p.Snowflake.Connection != nil && !slices.Contains(names, assets.Snowflake) {
		names = append(names, assets.Snowflake)
	}
	return names
}

// ownStore are the props of the store that the feed makes if it is given none.
func (p IngestionPipelineProps) ownStore() StoreProps {
	props := StoreProps{
		Key: p.Key, DeleteData: p.DeleteData,
		Architecture: p.Architecture, LogRetentionDays: p.LogRetentionDays, Assets: p.Assets,
	}
	if p.Alarms != nil && !p.Alarms.Off {
		alarms := p.Alarms.store()
		props.Alarms = &alarms
	}
	if p.Snowflake == nil {
		return props
	}
	spec := p.Snowflake.spec(p.spec())
	props.Changes = spec.From == snowflake.FromTable
	if notified(spec) && spec.From != snowflake.FromFiles {
		props.Snowflake, props.Subscribers = p.Snowflake.Connection, p.Snowflake.subscribers()
	}
	return props
}
