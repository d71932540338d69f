package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/constructs"
)

// Invalid sources and buffers, each with all its errors.
func TestValidateSources(t *testing.T) {
	const feed = `feed "orders": `
	key := `, such as "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"; an alias will not do`
	existing := func(name string, options ...constructs.SourceOption) func(*constructs.IngestionPipelineProps) {
		return func(p *constructs.IngestionPipelineProps) { p.Source = constructs.ExistingBucket(name, options...) }
	}
	external := func(every time.Duration, options ...constructs.SourceOption) func(*constructs.IngestionPipelineProps) {
		return func(p *constructs.IngestionPipelineProps) {
			p.Source = constructs.ExternalBucket("theirs", every, options...)
		}
	}
	sources := func(all ...constructs.Source) func(*constructs.IngestionPipelineProps) {
		return func(p *constructs.IngestionPipelineProps) { p.Source = constructs.Sources(all...) }
	}
	files := func(source constructs.Source, load constructs.SnowflakeLoad) func(*constructs.IngestionPipelineProps) {
		return func(p *constructs.IngestionPipelineProps) {
			*p = toSnowflake("orders", constructs.FromFiles(), load)
			p.Source = source
		}
	}
	bulk := constructs.Bulk("17 2 * * *")
	var eleven []constructs.Source
	for i := range 11 {
		eleven = append(eleven, constructs.ExistingBucket(fmt.Sprintf("bucket-%d", i)))
	}
	longSuffixes := make([]string, 40)
	for i := range longSuffixes {
		longSuffixes[i] = fmt.Sprintf(".%02d-%s", i, strings.Repeat("x", 40))
	}
	for _, test := range []struct {
		name   string
		change func(*constructs.IngestionPipelineProps)
		want   []string
	}{
		{"no source of several", sources(), []string{feed + `Source: is required: NewBucket() makes one for the feed`}},
		{"too many sources", sources(eleven...), []string{feed + `Source: has 11 sources, the limit is 10: give the rest to a second feed`}},
		{"no name", existing(""), []string{feed + `Source: ExistingBucket has no bucket: give its name`}},
		{"upper case", existing("Theirs"), []string{feed + `Source: "Theirs" is not the name of a bucket: it has 3 to 63 lower-case letters, digits, dots and hyphens`}},
		{"an address", existing("10.0.0.1"), []string{feed + `Source: "10.0.0.1" is not the name of a bucket: it has 3 to 63 lower-case letters, digits, dots and hyphens`}},
		{"two dots", existing("a..b"), []string{feed + `Source: "a..b" is not the name of a bucket: it has 3 to 63 lower-case letters, digits, dots and hyphens`}},
		{"a URI", existing("s3://theirs/in"), []string{feed + `Source: "s3://theirs/in" is not the name of a bucket: give the name alone, and what follows it as WithPrefix`}},
		{"an ARN", existing("arn:aws:s3:::theirs"), []string{feed + `Source: "arn:aws:s3:::theirs" is not the name of a bucket: give the name alone, and what follows it as WithPrefix`}},
		{"a prefix that IAM refuses", existing("theirs", constructs.WithPrefix("in/日本/")), []string{
			feed + `Source.Prefix: "in/日本/" has '\u65e5', which IAM refuses in a policy: give the part of the prefix before it`,
		}},
		{"an option of another kind", existing("theirs", constructs.RequesterPays(), constructs.WithNoncurrentDays(3)), []string{
			feed + `Source: RequesterPays is no option of ExistingBucket, which has WithPrefix, WithSuffixes, WithKey, Shared, WithShape`,
			feed + `Source: WithNoncurrentDays is no option of ExistingBucket, which has WithPrefix, WithSuffixes, WithKey, Shared, WithShape`,
		}},
		{"a key of the feed's own bucket", func(p *constructs.IngestionPipelineProps) {
			p.Source = constructs.NewBucket(constructs.WithKey(externalKey))
		}, []string{feed + `Source: WithKey is no option of NewBucket, which has WithPrefix, WithSuffixes, WithNoncurrentDays, WithShape`}},
		{"a key's alias", existing("theirs", constructs.WithKey("alias/theirs")), []string{feed + `Source: WithKey: "alias/theirs" is not the ARN of a KMS key` + key}},
		{"too long a pattern", existing("theirs", constructs.WithPrefix("in/"), constructs.WithSuffixes(longSuffixes...)), []string{
			feed + `Source: the pattern of its rule is 2673 bytes long, the limit of EventBridge is 2048: give fewer or shorter suffixes`,
		}},
		{"listed too often", external(10 * time.Second), []string{feed + `Source: 10s between two listings is not a number of whole minutes from 1m0s to 24h0m0s: give, for example, 5*time.Minute`}},
		{"listed too seldom", external(48 * time.Hour), []string{feed + `Source: 48h0m0s between two listings is not a number of whole minutes from 1m0s to 24h0m0s: give, for example, 5*time.Minute`}},
		{"no whole minutes", external(90 * time.Second), []string{feed + `Source: 1m30s between two listings is not a number of whole minutes from 1m0s to 24h0m0s: give, for example, 5*time.Minute`}},
		{"no role", external(time.Hour, constructs.AssumeRole("reader", "x")), []string{
			feed + `Source: AssumeRole: "reader" is not the ARN of a role, such as "arn:aws:iam::123456789012:role/reader"`,
			feed + `Source: AssumeRole: external ID "x" is not 2 to 1224 letters, digits and +=,.@:/-_`,
		}},
		{"role and key", external(time.Hour, constructs.AssumeRole(externalRole, ""), constructs.WithKey(externalKey)), []string{
			feed + `Source: WithKey and AssumeRole exclude each other: the role decrypts, and its owner allows it to`,
		}},
		{"two of the feed's own", sources(constructs.NewBucket(constructs.WithPrefix("a/")), constructs.NewBucket(constructs.WithPrefix("b/"))), []string{
			feed + `Source[1]: is the second NewBucket, and a feed makes one: give both kinds of files to it, each under a prefix of its own`,
		}},
		{"one inside another", sources(constructs.ExistingBucket("theirs", constructs.WithPrefix("in/")), constructs.ExternalBucket("theirs", time.Hour, constructs.WithPrefix("in/a/"))), []string{
			feed + `Source[1]: takes objects that Source[0] takes too: bucket "theirs", prefixes "in/a/" and "in/": leave one out, or separate them by prefix or suffix`,
		}},
		{"the second is wrong", sources(constructs.NewBucket(), constructs.ExistingBucket("T", constructs.WithSuffixes(".csv", ".csv"))), []string{
			feed + `Source[1].Suffixes: ".csv" ends with ".csv": S3 refuses overlapping filters, keep the shorter`,
			feed + `Source[1]: "T" is not the name of a bucket: it has 3 to 63 lower-case letters, digits, dots and hyphens`,
		}},
		{"files of several", files(constructs.Sources(constructs.NewBucket(constructs.WithPrefix("in/")), constructs.ExistingBucket("theirs")), bulk), []string{
			feed + `Snowflake.From: FromFiles reads one source, and the feed has 2: use FromParts(), which has the records of all`,
		}},
		{"files nobody tells of", files(constructs.ExternalBucket("theirs", time.Hour), constructs.Continuous()), []string{
			feed + `Snowflake.Load: continuous needs a notification of each file, and an ExternalBucket has none: use Bulk, or FromParts()`,
		}},
		{"files somebody pays for", files(constructs.ExternalBucket("theirs", time.Hour, constructs.RequesterPays()), bulk), []string{
			feed + `Snowflake.From: FromFiles has Snowflake read the bucket, which does not agree to pay as RequesterPays wants it: use FromParts()`,
		}},
		{"files through a role", files(constructs.ExternalBucket("theirs", time.Hour, constructs.AssumeRole(externalRole, "")), bulk), []string{
			feed + `Snowflake.From: FromFiles has Snowflake read through the feed's own role, not through ` + externalRole + `: use FromParts(), or an ExistingIntegration with that role`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			props := minimal("orders")
			test.change(&props)
			requireLines(t, props.Validate(), test.want)
		})
	}
	for name, source := range map[string]constructs.Source{
		"every kind":             manySources(),
		"any character":          constructs.ExistingBucket("theirs", constructs.WithPrefix("año 1/*?${x}/")),
		"suffixes apart":         constructs.Sources(constructs.ExistingBucket("theirs", constructs.WithSuffixes(".csv")), constructs.ExistingBucket("theirs", constructs.WithSuffixes(".json"))),
		"the prefix of a sister": constructs.Sources(constructs.ExistingBucket("theirs", constructs.WithPrefix("a/")), constructs.ExistingBucket("theirs", constructs.WithPrefix("b/"))),
	} {
		props := minimal("orders")
		props.Source = source
		if err := props.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLandingBucketIsNoSource(t *testing.T) {
	store, err := constructs.ImportStore(newStack(newApp(t), "Imported"), "Store", constructs.StoreNames{
		LandingBucket: "landing", Table: "records", TopicARN: "arn:aws:sns:us-east-1:123456789012:parts", LoadFunction: "store-load",
	})
	if err != nil {
		t.Fatal(err)
	}
	props := minimal("orders")
	props.Store, props.Source = store, constructs.ExistingBucket("landing", constructs.WithPrefix("landing/"))
	requireLines(t, props.Validate(), []string{
		`feed "orders": Source: "landing" is the landing bucket: its parts would be unpacked in an endless loop; name the bucket that the files arrive in`,
	})
	props.Source = constructs.ExistingBucket(*store.Topic.TopicArn() + "${Token[x.1]}")
	requireLines(t, props.Validate(), []string{
		`feed "orders": Source: the bucket of ExistingBucket is known at deployment only, and the rule, the functions and their policies need its name: give the name itself`,
	})
}

func TestFeedsAgainstEachOther(t *testing.T) {
	on := func(name string, source constructs.Source) constructs.FeedStack {
		props := minimal(name)
		props.Source = source
		return feedStack(props)
	}
	piped := func(name string, source constructs.Source) constructs.FeedStack {
		props := toSnowflake(name, constructs.FromFiles(), constructs.Continuous())
		props.Source = source
		return feedStack(props)
	}
	in, inside := constructs.ExistingBucket("theirs", constructs.WithPrefix("in/")), constructs.ExternalBucket("theirs", time.Hour, constructs.WithPrefix("in/a/"))
	shared := constructs.ExistingBucket("theirs", constructs.WithPrefix("in/"), constructs.Shared())
	bad := func(stack string) constructs.FeedStack {
		f := feedStack(minimal("orders"))
		f.Stack = stack
		return f
	}
	for _, test := range []struct {
		name  string
		feeds []constructs.FeedStack
		want  []string
	}{
		{"objects of two feeds", []constructs.FeedStack{on("orders", in), on("returns", inside)}, []string{
			`stack Feed-returns: feed "returns": Source: takes objects of bucket "theirs" below "in/a/" that feed "orders" takes too, below "in/": separate them by prefix or suffix, or give both Shared() if both are to have them`,
		}},
		{"two pipes over one path", []constructs.FeedStack{piped("orders", in), piped("returns", shared)}, []string{
			`stack Feed-returns: feed "returns": Snowflake.From: FromFiles with Continuous makes a pipe over s3://theirs/in/, and feed "orders" has one over s3://theirs/in/: give one of the two FromParts()`,
		}},
		{"no stack", []constructs.FeedStack{bad("")}, []string{`stack : feed "orders": Stack: is required: give the feed's stack a name, such as "Orders"`}},
		{"long stack", []constructs.FeedStack{bad(strings.Repeat("S", 129))}, []string{
			`stack ` + strings.Repeat("S", 129) + `: feed "orders": Stack: has 129 characters, the limit of CloudFormation is 128: try a shorter name`,
		}},
		{"stack with spaces", []constructs.FeedStack{bad("My orders")}, []string{`stack My orders: feed "orders": Stack: may have letters, digits and hyphens only, and starts with a letter: "Orders"`}},
		{"the store's stack", []constructs.FeedStack{bad("Store")}, []string{`stack Store: feed "orders": Stack: is the name of the store's stack: give the feed's another`}},
		{"one stack twice", []constructs.FeedStack{bad("Both"), {Stack: "Both", IngestionPipelineProps: minimal("returns")}}, []string{
			`stack Both: feed "returns": Stack: several feeds have a stack of this name: give each a stack of its own`,
		}},
		{"everything with its stack", []constructs.FeedStack{{Stack: "X", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "X"}}}, []string{
			`stack X: feed "X": Feed: may have lower-case letters, digits and hyphens only, and starts with a letter`,
			`stack X: feed "X": Format: is required: JSON(), NDJSON(), CSV('|'), FixedWidth(…) or Parquet()`,
			`stack X: feed "X": Source: is required: NewBucket() makes one for the feed`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			requireLines(t, constructs.ValidateFeeds(constructs.StoreProps{}, test.feeds...), test.want)
		})
	}
	for name, feeds := range map[string][]constructs.FeedStack{
		"shared on purpose": {on("orders", shared), on("returns", inside)},
		"own buckets":       {on("orders", constructs.NewBucket()), on("returns", constructs.NewBucket())},
		"prefixes apart":    {on("orders", in), on("returns", constructs.ExistingBucket("theirs", constructs.WithPrefix("out/")))},
	} {
		if err := constructs.ValidateFeeds(constructs.StoreProps{}, feeds...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	reserved := minimal("orders")
	reserved.Unpack.MaxConcurrency = 100
	existing := minimal("returns")
	existing.Source = constructs.ExistingBucket("theirs")
	many := make([]constructs.FeedStack, 0, 31)
	for i := range 31 {
		props := minimal(fmt.Sprintf("feed-%d", i))
		var all []constructs.Source
		for j := range 10 {
			all = append(all, constructs.ExternalBucket(fmt.Sprintf("bucket-%d-%d", i, j), time.Hour))
		}
		props.Source = constructs.Sources(all...)
		many = append(many, feedStack(props))
	}
	short := minimal("orders")
	short.Source = constructs.NewBucket(constructs.WithNoncurrentDays(7))
	unwise := minimal("orders")
	unwise.Source = constructs.NewBucket(constructs.WithPrefix("in"))
	unwise.Snowflake = &constructs.SnowflakeProps{Database: "RAW", Table: "my orders"}
	unwise.Limits.MaxRecordBytes = 32 << 20
	unwise.Format, unwise.RecordKey = constructs.CSV('|', "id", "name"), constructs.KeyedBy("id", "region")
	for _, test := range []struct {
		name string
		got  []string
		want []string
	}{
		{"names", unwise.Warnings(), []string{
			`feed "orders": Source: prefix "in" is also that of keys such as "in-old/a": end it with a slash if it is a folder`,
			`feed "orders": RecordKey: no column of the format is called "region": each record will be without a key`,
			`feed "orders": Limits.MaxRecordBytes: is 33554432, and a column of Snowflake has at most 16777216 bytes: a larger record makes Snowflake refuse the whole part, so give 16777216 or less`,
			`feed "orders": Snowflake.Table: "my orders" has to be quoted in every statement: give a name of letters, digits and underscores`,
		}},
		{"nothing", constructs.Warnings(constructs.StoreProps{}, feedStack(minimal("orders"))), nil},
		{"reservations", constructs.Warnings(constructs.StoreProps{Load: constructs.FunctionProps{MaxConcurrency: 801}}, feedStack(reserved)), []string{
			`MaxConcurrency: the feeds reserve 901 concurrent executions in all. An account has 1000 unless it was raised, of which Lambda lets 900 be reserved: lower some`,
		}},
		{"EventBridge of an existing bucket", constructs.Warnings(constructs.StoreProps{}, feedStack(existing)), []string{
			"stack Feed-returns: feed \"returns\": Source: nothing arrives from bucket \"theirs\" unless EventBridge is turned on in its properties, which the deployment neither does nor checks: `bin/ingest doctor returns` does",
		}},
		{"rules", constructs.Warnings(constructs.StoreProps{}, many...), []string{
			`Source: the feeds have 310 rules of EventBridge in all. An account's default bus has 300 unless that was raised: have it raised before you deploy, or put more of the sources under one prefix`,
		}},
		{"a feed", short.Warnings(), []string{
			`feed "orders": Source: an overwritten object is deleted after 7 days, and what failed can be replayed for 14: give WithNoncurrentDays(14) or more`,
		}},
		{"a store", constructs.StoreProps{LandingExpirationDays: 7}.Warnings(), []string{
			`LandingExpirationDays: parts are deleted after 7 days, and what failed can be replayed for 14: give 14 or more`,
		}},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, strings.Join(test.got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}
