package constructs

import (
	"regexp"
	"strings"
	_ "time/tzdata" // the time zones that a schedule may name, whatever the machine has

	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

var (
	principalARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:(user|role)/[\w+=,.@/-]+$`)
	// accountName is <organization>-<account>, or an old locator with its region.
	accountName = regexp.MustCompile(`^[A-Za-z0-9_]+([.-][A-Za-z0-9_-]+)*$`)
	hostName    = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$`)
	secretName  = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`)
	secretARN   = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}$`)
)

// isPrincipal reports whether s is the ARN of an IAM user or role, or may be one
// at deployment.
func isPrincipal(s string) bool { return stackscope.IsToken(s) || principalARN.MatchString(s) }

// storeCapabilities are what a store has that a feed may need.
type storeCapabilities struct {
	// changes: the changes of the table are written to the landing bucket.
	changes bool
	// subscribers: a principal may subscribe to the topic.
	subscribers bool
	// landing is the name of the landing bucket, empty where it is not known.
	landing string
	// alarms: it has a topic for them.
	alarms bool
	// imported: the store is imported, and who may subscribe is not known.
	imported bool
	// own: the store is made with the feed, from the feed's own props.
	own bool
}

func (p StoreProps) capabilities() storeCapabilities {
	return storeCapabilities{changes: p.Changes, subscribers: p.Snowflake != nil || len(p.Subscribers) > 0, alarms: p.Alarms != nil}
}

// validate reports what snowflake.Spec does not check: the connection to Snowflake,
// and what the feed's store must have.
func (p SnowflakeProps) validate(report report, s feed.Spec, store storeCapabilities) {
	spec := p.spec(s)
	if p.Connection != nil {
		validateConnection(report, "Snowflake.Connection", *p.Connection)
	}
	p.validateTrust(report)
	for _, f := range []struct{ name, value string }{
		{"Database", p.Database},
		{"Schema", p.Schema},
		{"Table", p.Table},
		{"View", p.View},
		{"Integration", p.Integration},
		{"ExternalID", p.ExternalID},
	} {
		if stackscope.IsToken(f.value) {
			report("Snowflake."+f.name, "%s is known at deployment only, and `ingest sql` reads it from the template: give the value itself", f.value)
		}
	}

	ownTopic := notified(spec) && (store.own || spec.From == snowflake.FromFiles)
	switch {
	case p.Subscriber == "" && ownTopic && p.Connection == nil:
		report("Snowflake.Subscriber", "is required for load %s without a Connection, because the topic is the feed's own: give the user that SYSTEM$GET_AWS_SNS_IAM_POLICY names", spec.Load)
	case p.Subscriber == "":
	case p.Connection != nil:
		report("Snowflake.Subscriber", "%q belongs to a feed without Connection: with one, it is looked up", p.Subscriber)
	case !ownTopic:
		report("Snowflake.Subscriber", "%q has no topic of the feed's own to subscribe to: give it to StoreProps.Subscribers", p.Subscriber)
	case !isPrincipal(p.Subscriber):
		report("Snowflake.Subscriber", "%q is not the ARN of an IAM user or role", p.Subscriber)
	}

	if spec.From == snowflake.FromTable && !store.changes {
		report("Snowflake.From", "FromTable needs a store that exports its changes: set StoreProps.Changes, or StoreNames.Changes for an imported one that has it")
	}
	if notified(spec) && !ownTopic && !store.subscribers && !store.imported {
		report("Snowflake.Load", "%s needs a store whose topic Snowflake may subscribe to: set StoreProps.Snowflake or StoreProps.Subscribers", spec.Load)
	}
	if spec.From == snowflake.FromFiles {
		validateFiles(report, s.Sources, spec)
	}
	if n := len(spec.Suffixes); spec.From == snowflake.FromFiles && spec.Load == snowflake.ExternalTable && n <= maxNotifications && 2*n > maxNotifications {
		report("Source.Suffixes", "has %d suffixes, and an external table needs two notifications for each: the limit of a bucket is %d, use a prefix", n, maxNotifications)
	}
}

// validateFiles reports sources whose files Snowflake cannot read itself.
func validateFiles(report report, sources []feed.Source, spec snowflake.Spec) {
	switch {
	case len(sources) > 1:
		report("Snowflake.From", "FromFiles reads one source, and the feed has %d: use FromParts(), which has the records of all", len(sources))
	case len(sources) == 0 || sources[0].Kind != feed.ExternalBucket:
	case notified(spec):
		report("Snowflake.Load", "%s needs a notification of each file, and an ExternalBucket has none: use Bulk, or FromParts()", spec.Load)
	case sources[0].RequesterPays:
		report("Snowflake.From", "FromFiles has Snowflake read the bucket, which does not agree to pay as RequesterPays wants it: use FromParts()")
	case sources[0].RoleARN != "" && !spec.ExistingIntegration:
		report("Snowflake.From", "FromFiles has Snowflake read through the feed's own role, not through %s: use FromParts(), or an ExistingIntegration with that role", sources[0].RoleARN)
	}
}

// validateTrust reports what is wrong with who may assume the feed's role.
func (p SnowflakeProps) validateTrust(report report) {
	var needless string
	switch {
	case p.Connection != nil:
		needless = "belongs to a feed without Connection: with one, the deployment takes it from the integration"
	case p.ExistingIntegration:
		needless = "belongs to an integration of the feed's own: an existing one has its role already"
	case p.Principal == "" && p.ExternalID == "":
		report("Snowflake.Connection", "is required: or Principal and ExternalID, to make the objects by hand")
		return
	case p.ExternalID == "":
		report("Snowflake.ExternalID", "is required with Principal: 2 to 1224 characters, chosen by you")
	}
	switch {
	case needless != "" && p.Principal != "":
		report("Snowflake.Principal", "%q %s", p.Principal, needless)
	case needless == "" && !isPrincipal(p.Principal):
		report("Snowflake.Principal", "%q is not the ARN of an IAM user or role, such as \"arn:aws:iam::123456789012:user/abc1-s-xyz\"", p.Principal)
	}
	if needless != "" && p.ExternalID != "" {
		report("Snowflake.ExternalID", "%q %s", p.ExternalID, needless)
	}
}

// validateConnection reports everything that is wrong with c at once.
func validateConnection(report report, field string, c SnowflakeConnection) {
	switch {
	case strings.Contains(strings.ToLower(c.Account), "snowflakecomputing"):
		report(field+".Account", "%q is a host: give <organization>-<account>, and what is unusual as Host", c.Account)
	case !accountName.MatchString(c.Account):
		report(field+".Account", "%q is not <organization>-<account>", c.Account)
	}
	if c.User == "" {
		report(field+".User", "is required")
	}
	if c.Role == "" {
		report(field+".Role", "is required: it owns what the deployment makes")
	}
	switch {
	case c.Secret == "" && !c.WorkloadIdentity:
		report(field+".Secret", "is required: the secret with the user's private key; or set WorkloadIdentity")
	case c.Secret != "" && c.WorkloadIdentity:
		report(field+".Secret", "%q is not needed with WorkloadIdentity: leave one of the two out", c.Secret)
	case c.Secret != "" && !stackscope.IsToken(c.Secret) && !secretName.MatchString(c.Secret) && !secretARN.MatchString(c.Secret):
		report(field+".Secret", "%q is neither the name nor the ARN of a secret", c.Secret)
	}
	if c.Host != "" && !hostName.MatchString(c.Host) {
		report(field+".Host", "%q is not a host name, such as \"myorg-myaccount.privatelink.snowflakecomputing.com\"", c.Host)
	}
}

// validateSnowflakeWith reports the names that f and another feed would both
// take in one account of Snowflake. Their stages cannot overlap unless their sources
// do: each has the feed's name in its prefix, or a bucket of the feed's own.
func (f FeedStack) validateSnowflakeWith(report report, other FeedStack) {
	if f.Snowflake == nil || other.Snowflake == nil || f.Snowflake.account() != other.Snowflake.account() {
		return
	}
	taken := map[string]bool{}
	for _, o := range other.snowflakeNames() {
		taken[o.name] = true
	}
	for _, n := range f.snowflakeNames() {
		if taken[n.name] {
			report("Snowflake."+n.field, "feed %q has %s in the same account of Snowflake: give each a name of its own", other.Feed, n.name)
		}
	}
}

type takenName struct{ field, name string }

// snowflakeNames are those that the feed takes in its account. Tables and views
// of a schema share theirs.
func (p IngestionPipelineProps) snowflakeNames() []takenName {
	spec := p.Snowflake.spec(p.spec())
	names := []takenName{
		{"Table", snowflake.Qualified(spec.Database, spec.Schema, spec.Table)},
		{"View", snowflake.Qualified(spec.Database, spec.Schema, spec.View)},
	}
	if len(spec.Key) > 0 {
		names = append(names, takenName{"Table", spec.LatestName().Name()})
	}
	if !spec.ExistingIntegration {
		names = append(names, takenName{"Integration", snowflake.Identifier(spec.Integration)})
	}
	return names
}

// account identifies an account of Snowflake, as far as p has it: each has one IAM user.
func (p SnowflakeProps) account() string {
	if p.Connection != nil {
		return strings.ToUpper(p.Connection.Account)
	}
	return p.Principal
}
