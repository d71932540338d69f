package constructs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/ingestion/constructs/internal/source"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
)

const (
	// maxSources bounds what the functions' roles and environments name.
	maxSources = 10
	// maxNotifications is how many notification configurations S3 allows a bucket.
	maxNotifications = 100
	// maxPattern is how long the pattern of a rule may be ("Amazon EventBridge
	// quotas": event pattern size).
	maxPattern = 2048
)

var (
	// plainKey matches what S3's notification filters, IAM's resource patterns and
	// the object's own key write in the same form. Other characters are URL-encoded
	// in the filters, and *, ? and $ have a meaning in IAM.
	plainKey   = regexp.MustCompile(`^[A-Za-z0-9!_.()/=-]*$`)
	ipAddress  = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`)
	roleARN    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
	externalID = regexp.MustCompile(`^[\w+=,.@:/-]+$`)
)

// notInPolicy reports whether IAM refuses a character in the document of a policy.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
func notInPolicy(r rune) bool {
	return r != '\t' && r != '\n' && r != '\r' && (r < ' ' || r > '\u00ff')
}

func firstRune(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}

// optionsOf are the options that each kind of source has.
var optionsOf = map[feed.SourceKind][]string{
	feed.OwnBucket:      {"WithPrefix", "WithSuffixes", "WithNoncurrentDays", "WithShape"},
	feed.ExistingBucket: {"WithPrefix", "WithSuffixes", "WithKey", "Shared", "WithShape"},
	feed.ExternalBucket: {"WithPrefix", "WithSuffixes", "WithKey", "RequesterPays", "AssumeRole", "Shared", "WithShape"},
}

// constructorOf is what the user wrote for a kind of source.
var constructorOf = map[feed.SourceKind]string{
	feed.OwnBucket: "NewBucket", feed.ExistingBucket: "ExistingBucket", feed.ExternalBucket: "ExternalBucket",
}

// validateSources reports what the feed's spec does not check. landing is the
// name of the landing bucket, empty where it is not known.
func validateSources(report report, all []source.Source, landing string) {
	if len(all) == 0 {
		report("Source", "is required: NewBucket() makes one for the feed")
	}
	if len(all) > maxSources {
		report("Source", "has %d sources, the limit is %d: give the rest to a second feed", len(all), maxSources)
	}
	own := 0
	for i, s := range all {
		at := func(field, format string, args ...any) {
			if len(all) > 1 {
				field = fmt.Sprintf("Source[%d]", i) + strings.TrimPrefix(field, "Source")
			}
			report(field, format, args...)
		}
		validateSource(at, s, landing)
		if s.Kind == feed.OwnBucket {
			if own++; own == 2 {
				at("Source", "is the second NewBucket, and a feed makes one: give both kinds of files to it, each under a prefix of its own")
			}
		}
		for j, other := range all[:i] {
			if s.Kind != feed.OwnBucket && source.Overlap(s.Source, other.Source) {
				at("Source", "takes objects that Source[%d] takes too: bucket %q, prefixes %q and %q: leave one out, or separate them by prefix or suffix", j, s.Bucket, s.Prefix, other.Prefix)
			}
		}
	}
}

func validateSource(report report, s source.Source, landing string) {
	for _, o := range s.Options {
		if !slices.Contains(optionsOf[s.Kind], o) {
			report("Source", "%s is no option of %s, which has %s", o, constructorOf[s.Kind], strings.Join(optionsOf[s.Kind], ", "))
		}
	}
	validateSourceSuffixes(report, s)
	switch s.Kind {
	case feed.OwnBucket:
		if s.NoncurrentDays < 1 {
			report("Source", "%d days of overwritten versions is below 1: a version that is deleted before it is read is lost", s.NoncurrentDays)
		}
		return
	case feed.ExistingBucket:
		if n := len(stackscope.JSON(s.EventPattern(source.Created))); n > maxPattern {
			report("Source", "the pattern of its rule is %d bytes long, the limit of EventBridge is %d: give fewer or shorter suffixes", n, maxPattern)
		}
	case feed.ExternalBucket:
		if s.Every < time.Minute || s.Every > 24*time.Hour || s.Every%time.Minute != 0 {
			report("Source", "%s between two listings is not a number of whole minutes from 1m0s to 24h0m0s: give, for example, 5*time.Minute", s.Every)
		}
		validateSourceRole(report, s)
	}
	validateSourceBucket(report, s, landing)
	if s.KeyARN != "" && !keyARN.MatchString(s.KeyARN) {
		report("Source", "WithKey: %q is not the ARN of a KMS key, such as \"arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"; an alias will not do", s.KeyARN)
	}
}

func validateSourceBucket(report report, s source.Source, landing string) {
	switch name := s.Bucket; {
	case name == "":
		report("Source", "%s has no bucket: give its name", constructorOf[s.Kind])
	case stackscope.IsToken(name):
		report("Source", "the bucket of %s is known at deployment only, and the rule, the functions and their policies need its name: give the name itself", constructorOf[s.Kind])
	case strings.Contains(name, "/") || strings.HasPrefix(name, "arn:"):
		report("Source", "%q is not the name of a bucket: give the name alone, and what follows it as WithPrefix", name)
	case !bucketName.MatchString(name) || strings.Contains(name, "..") || ipAddress.MatchString(name):
		report("Source", "%q is not the name of a bucket: it has 3 to 63 lower-case letters, digits, dots and hyphens", name)
	case name == landing:
		report("Source", "%q is the landing bucket: its parts would be unpacked in an endless loop; name the bucket that the files arrive in", name)
	}
}

func validateSourceRole(report report, s source.Source) {
	if !slices.Contains(s.Options, "AssumeRole") {
		return
	}
	if !roleARN.MatchString(s.RoleARN) {
		report("Source", "AssumeRole: %q is not the ARN of a role, such as \"arn:aws:iam::123456789012:role/reader\"", s.RoleARN)
	}
	if id := s.ExternalID; id != "" && (len(id) < 2 || len(id) > 1224 || !externalID.MatchString(id)) {
		report("Source", "AssumeRole: external ID %q is not 2 to 1224 letters, digits and +=,.@:/-_", id)
	}
	if s.KeyARN != "" {
		report("Source", "WithKey and AssumeRole exclude each other: the role decrypts, and its owner allows it to")
	}
}

func validateSourceSuffixes(report report, s source.Source) {
	const allowed = "may have ASCII letters, digits and !_.()/=- only: S3 and IAM read other characters of a filter differently"
	valid := func(text string) bool { return s.Kind != feed.OwnBucket || plainKey.MatchString(text) }
	if !valid(s.Prefix) {
		report("Source.Prefix", "%q "+allowed, s.Prefix)
	}
	if !utf8.ValidString(s.Prefix) {
		report("Source.Prefix", "%q is not UTF-8", s.Prefix)
	} else if i := strings.IndexFunc(s.Prefix, notInPolicy); i >= 0 && valid(s.Prefix) {
		report("Source.Prefix", "%q has %+q, which IAM refuses in a policy: give the part of the prefix before it", s.Prefix, firstRune(s.Prefix[i:]))
	}
	if len(s.Suffixes) > maxNotifications {
		report("Source.Suffixes", "has %d suffixes, the limit of a bucket is %d: use a prefix", len(s.Suffixes), maxNotifications)
	}
	for i, suffix := range s.Suffixes {
		if suffix == "" {
			report("Source.Suffixes", "suffix %d is empty: leave the option out to take every object", i+1)
			continue
		}
		if !valid(suffix) {
			report("Source.Suffixes", "%q "+allowed, suffix)
		}
		for j, other := range s.Suffixes {
			if i != j && other != "" && strings.HasSuffix(suffix, other) && (suffix != other || i < j) {
				report("Source.Suffixes", "%q ends with %q: S3 refuses overlapping filters, keep the shorter", suffix, other)
			}
		}
	}
}
