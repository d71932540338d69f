package constructs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ingestion/internal/feed"
)

// Limits bound what one source object may ask of the functions.
type Limits = feed.Limits

// IngestionPipelineProps describe one feed. Feed, Source and Format are
// required; any other zero field means its default.
type IngestionPipelineProps struct {
	// Feed names the feed: 1 to 40 characters of [a-z0-9-], starting with a
	// letter. It is part of every key, so to change it is to start a new feed.
	Feed string
	// Source is where the files come from: NewBucket().
	Source Source
	// Format says how the files are split into records: JSON(), NDJSON() or CSV('|').
	Format Format
	// Store is where the records end. Left out, the feed makes one of its own.
	Store *Store
	// Snowflake, when given, adds the role that lets Snowflake read the parts.
	Snowflake *SnowflakeProps

	// PartBytes is the size, before compression, at which a part is closed
	// (8 KiB to 512 MiB, default 32 MiB).
	PartBytes int64
	// Limits guard against hostile or broken files.
	Limits Limits

	// Architecture of the functions: ARM64 (default) or X86.
	Architecture Architecture
	// Unpack and Load size the two functions.
	Unpack, Load FunctionProps
	// LogRetentionDays is for how long the functions' logs are kept (default
	// 30). CloudWatch Logs has 1, 3, 5, 7, 14, 30, 60, 90 … 3653.
	LogRetentionDays int
	// Assets is the folder of the functions' binaries, as `make build` leaves
	// them: <Assets>/<goarch>/<function>/bootstrap (default "dist").
	Assets string
}

const (
	defaultUnpackMemoryMB   = 1769
	defaultLoadMemoryMB     = 512
	defaultLogRetentionDays = 30
	defaultAssets           = "dist"
)

func (p IngestionPipelineProps) withDefaults() IngestionPipelineProps {
	if p.Architecture == "" {
		p.Architecture = ARM64
	}
	p.Unpack = p.Unpack.withDefaults(defaultUnpackMemoryMB)
	p.Load = p.Load.withDefaults(defaultLoadMemoryMB)
	if p.LogRetentionDays == 0 {
		p.LogRetentionDays = defaultLogRetentionDays
	}
	if p.Assets == "" {
		p.Assets = defaultAssets
	}
	return p
}

// spec returns what the functions will read from their environment.
func (p IngestionPipelineProps) spec() feed.Spec {
	s := feed.Spec{Feed: p.Feed, Format: p.Format.spec, PartBytes: p.PartBytes, Limits: p.Limits}
	if p.Source != nil {
		p.Source.describe(&s)
	}
	return s.WithDefaults()
}

// report adds a problem of a field.
type report func(field, format string, args ...any)

// maxSpecBytes leaves the other variables 512 of the 4 KB that a function's
// environment may take.
const maxSpecBytes = 4096 - 512

// Validate reports everything that is wrong with p at once, each problem with
// the feed, the field, the value given and the limit that it broke. It needs
// neither jsii nor the built functions.
func (p IngestionPipelineProps) Validate() error {
	p = p.withDefaults()
	spec := p.spec()
	errs := []error{spec.Validate()}
	report := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("feed %q: %s: %s", p.Feed, field, fmt.Sprintf(format, args...)))
	}

	if p.Source == nil {
		report("Source", "is required: NewBucket() makes one for the feed")
	} else {
		p.Source.validate(report)
	}
	if p.Snowflake != nil {
		p.Snowflake.validate(report)
	}
	if p.Architecture.goarch() == "" {
		report("Architecture", "%q is neither %s nor %s", p.Architecture, ARM64, X86)
	}
	p.Unpack.validate(report, "Unpack")
	p.Load.validate(report, "Load")
	if _, ok := logRetentions[p.LogRetentionDays]; !ok {
		report("LogRetentionDays", "%d is none that CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653", p.LogRetentionDays)
	}
	if env, err := spec.Env(); err != nil {
		errs = append(errs, err)
	} else if len(env) > maxSpecBytes {
		report("Format", "the feed's spec is %d bytes long, the limit is %d because a function's environment holds 4 KB: declare fewer or shorter columns and suffixes", len(env), maxSpecBytes)
	}
	return errors.Join(errs...)
}

// validateAssets reports the functions that are not built.
func (p IngestionPipelineProps) validateAssets() error {
	var errs []error
	for _, name := range []string{unpackName, loadName} {
		file := filepath.Join(asset(p.Assets, p.Architecture, name), "bootstrap")
		if _, err := os.Stat(file); err != nil {
			errs = append(errs, fmt.Errorf("feed %q: Assets: %w: run \"make build\" first", p.Feed, err))
		}
	}
	return errors.Join(errs...)
}

// ValidateFeeds reports everything that is wrong with feeds that are to share
// one store, each by itself and against the others. It does not need jsii, so a
// mistake in app.go shows before the CDK starts.
func ValidateFeeds(feeds ...IngestionPipelineProps) error {
	var errs []error
	count := map[string]int{}
	for _, f := range feeds {
		errs = append(errs, f.Validate())
		if count[f.Feed]++; count[f.Feed] == 2 {
			errs = append(errs, fmt.Errorf("feed %q: Feed: several feeds of one store have this name: give each a name of its own", f.Feed))
		}
	}
	return errors.Join(errs...)
}
