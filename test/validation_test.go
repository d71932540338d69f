package test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/constructs"
)

func TestValidate(t *testing.T) {
	manyColumns := make([]string, 200)
	for i := range manyColumns {
		manyColumns[i] = fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i)})) // compression does not make it shorter
	}
	manySuffixes := make([]string, 101)
	for i := range manySuffixes {
		manySuffixes[i] = "." + string(rune('a'+i%26)) + strings.Repeat("z", i/26) + "."
	}
	const allowed = " may have ASCII letters, digits and !_.()/=- only: S3 and IAM read other characters of a filter differently"
	for _, test := range []struct {
		name  string
		props constructs.IngestionPipelineProps
		want  []string
	}{
		{"nothing given", constructs.IngestionPipelineProps{}, []string{
			`feed "": Feed: is required: give the feed a name, such as "orders"`,
			`feed "": Format: is required: JSON(), NDJSON(), CSV('|'), FixedWidth(…) or Parquet()`,
			`feed "": Source: is required: NewBucket() makes one for the feed`,
		}},
		{"everything wrong", constructs.IngestionPipelineProps{
			Feed: "Orders!",
			Source: constructs.NewBucket(
				constructs.WithPrefix("/in*"),
				constructs.WithSuffixes("", ".gz", ".json.gz", "#"),
				constructs.WithNoncurrentDays(0),
			),
			Format:           constructs.CSV('"', "id", "", "id").At("items"),
			PartBytes:        1,
			Limits:           constructs.Limits{MaxEntries: -1, MaxEntryBytes: -1, MaxRatio: -1, MaxRecordBytes: 1, MaxDepth: 17},
			Architecture:     "riscv",
			Unpack:           constructs.FunctionProps{MemoryMB: 64, Timeout: time.Hour, MaxConcurrency: -1},
			LogRetentionDays: 31,
		}, []string{
			`feed "Orders!": Feed: may have lower-case letters, digits and hyphens only, and starts with a letter`,
			`feed "Orders!": Source.Prefix: "/in*" starts with a slash: keys of S3 objects do not`,
			`feed "Orders!": PartBytes: 1 is outside 8192 to 536870912`,
			`feed "Orders!": Format.Path: "items" belongs to JSON, this is csv`,
			`feed "Orders!": Format.Delimiter: "\"" must have 1 to 20 bytes of UTF-8, without quotes, line breaks and NUL`,
			`feed "Orders!": Format.Columns: column 2 has no name`,
			`feed "Orders!": Format.Columns: "id" is given twice`,
			`feed "Orders!": Limits.MaxEntries: -1 is outside 1 to 10000000`,
			`feed "Orders!": Limits.MaxEntryBytes: -1 is outside 1 to 109951162777600`,
			`feed "Orders!": Limits.MaxRatio: -1 is outside 1 to 1000000`,
			`feed "Orders!": Limits.MaxRecordBytes: 1 is outside 1024 to 134217728`,
			`feed "Orders!": Limits.MaxDepth: 17 is outside 1 to 16`,
			`feed "Orders!": Source.Prefix: "/in*"` + allowed,
			`feed "Orders!": Source.Suffixes: suffix 1 is empty: leave the option out to take every object`,
			`feed "Orders!": Source.Suffixes: ".json.gz" ends with ".gz": S3 refuses overlapping filters, keep the shorter`,
			`feed "Orders!": Source.Suffixes: "#"` + allowed,
			`feed "Orders!": Source: 0 days of overwritten versions is below 1: a version that is deleted before it is read is lost`,
			`feed "Orders!": Architecture: "riscv" is neither arm64 nor x86_64`,
			`feed "Orders!": Unpack.MemoryMB: 64 is outside 128 to 10240`,
			`feed "Orders!": Unpack.Timeout: 1h0m0s is not a number of whole seconds from 1s to 15m0s`,
			`feed "Orders!": Unpack.MaxConcurrency: -1 is negative: give 0 for no limit`,
			`feed "Orders!": LogRetentionDays: 31 is not a retention of CloudWatch Logs: give 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653`,
		}},
		{"a key and an expiry without a table", constructs.IngestionPipelineProps{
			Feed: "orders", Source: constructs.NewBucket(), Format: constructs.NDJSON(), NoTable: true,
			RecordKey: constructs.KeyedBy().Named("a b"), ExpireAfterDays: 40_000, ExpireInSnowflake: true,
			Snowflake: &constructs.SnowflakeProps{Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", From: constructs.FromParts(), Load: constructs.Bulk("*/5 * * * *"), Connection: connection()},
		}, []string{
			`feed "orders": RecordKey.Fields: has 0 fields, 1 to 8 are allowed`,
			`feed "orders": RecordKey.Name: "a b" may have letters, digits, dots, hyphens and underscores only`,
			`feed "orders": RecordKey: is of the table, and NoTable leaves the records out of it: give one of the two`,
			`feed "orders": ExpireAfterDays: 40000 is outside 1 to 36500, or 0 for ever`,
			`feed "orders": ExpireInSnowflake: Snowflake learns what has expired from the changes of the table only: give Snowflake with FromTable(), or leave it out`,
		}},
		{"too long", constructs.IngestionPipelineProps{
			Feed:   strings.Repeat("f", 41),
			Source: constructs.NewBucket(constructs.WithPrefix(strings.Repeat("p", 513)), constructs.WithSuffixes(manySuffixes...)),
			Format: constructs.CSV('|', manyColumns...),
		}, []string{
			`feed "` + strings.Repeat("f", 41) + `": Feed: has 41 characters, the limit is 40: try a shorter name`,
			`feed "` + strings.Repeat("f", 41) + `": Source.Prefix: has 513 bytes, the limit is 512`,
			`feed "` + strings.Repeat("f", 41) + `": Source.Suffixes: has 101 suffixes, the limit of a bucket is 100: use a prefix`,
			`feed "` + strings.Repeat("f", 41) + `": Format: the feed's spec is 10144 bytes long when compressed, the limit is 3584 because a function's environment holds 4 KB: declare fewer or shorter columns, suffixes and operations of shapes`,
		}},
		{"path of no document", constructs.IngestionPipelineProps{
			Feed: "orders", Source: constructs.NewBucket(), Format: constructs.NDJSON().At("items..x"),
		}, []string{
			`feed "orders": Format.Path: "items..x": NDJSON has no enclosing document: use JSON`,
			`feed "orders": Format.Path: "items..x" has an empty key: write object keys separated by dots, such as "result.items"`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			requireLines(t, test.props.Validate(), test.want)

			// The same from the construct, which makes nothing then.
			stack := newStack(newApp(t), "Stack")
			p, err := constructs.NewIngestionPipeline(stack, "Feed", test.props)
			requireLines(t, err, test.want)
			if p != nil {
				t.Error("a pipeline is returned with an error")
			}
			if n := len(*stack.Node().Children()); n != 0 {
				t.Errorf("%d constructs were made of wrong props", n)
			}
		})
	}
}

func requireLines(t *testing.T, err error, want []string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %d", len(want))
	}
	if got := err.Error(); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\n\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestValidateStore(t *testing.T) {
	app := newApp(t)
	_, err := constructs.NewStore(newStack(app, "Store"), "Store", constructs.StoreProps{
		LandingExpirationDays: -1, Snowflake: &constructs.SnowflakeConnection{Account: "my account"}, Subscribers: []string{"*"},
		Architecture: "riscv", LogRetentionDays: 2,
		Loaders: 65, Load: constructs.FunctionProps{MemoryMB: 20480, Timeout: 1500 * time.Millisecond, MaxConcurrency: -2},
		WarmThroughput: constructs.WarmThroughput{ReadUnits: 1, WriteUnits: 5000}, MaxWriteUnits: 100,
	})
	requireLines(t, err, []string{
		`store: LandingExpirationDays: -1 is negative: give 0 to keep the parts for ever`,
		`store: Snowflake.Account: "my account" is not <organization>-<account>`,
		`store: Snowflake.User: is required`,
		`store: Snowflake.Role: is required: it owns what the deployment makes`,
		`store: Snowflake.Secret: is required: the secret with the user's private key; or set WorkloadIdentity`,
		`store: Subscribers: "*" is not the ARN of an IAM user or role`,
		`store: Loaders: 65 is outside 1 to 64`,
		`store: Load.MemoryMB: 20480 is outside 128 to 10240`,
		`store: Load.Timeout: 1.5s is not a number of whole seconds from 1s to 15m0s`,
		`store: Load.MaxConcurrency: -2 is negative: give 0 for no limit`,
		`store: WarmThroughput.ReadUnits: 1 is less than a new table takes from the start, 12000: give more, or leave it out`,
		`store: WarmThroughput.WriteUnits: 5000 is more than MaxWriteUnits, 100: it would be paid for and never be used`,
		`store: Architecture: "riscv" is neither arm64 nor x86_64`,
		`store: LogRetentionDays: 2 is not a retention of CloudWatch Logs: give 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653`,
	})
	_, err = constructs.ImportStore(newStack(app, "Imported"), "Store", constructs.StoreNames{LandingBucket: "No", Table: "x", TopicARN: "topic"})
	requireLines(t, err, []string{
		`store: LandingBucket: "No" is not the name of a bucket`,
		`store: Table: "x" is not the name of a table`,
		`store: TopicARN: "topic" is not the ARN of an SNS topic`,
		`store: LoadFunction: "" is not the name of a function`,
	})
}

func TestFeedsOfOneStore(t *testing.T) {
	second := feedStack(minimal("orders"))
	second.Stack = "Second"
	requireLines(t, constructs.ValidateFeeds(constructs.StoreProps{}, feedStack(minimal("orders")), feedStack(minimal("returns")), second), []string{
		`stack Second: feed "orders": Feed: several feeds of one store have this name: give each a name of its own`,
	})

	app := newApp(t)
	props := minimal("orders")
	props.Store, props.Assets = newStore(t, app), fakeAssets(t)
	if _, err := constructs.NewIngestionPipeline(newStack(app, "One"), "Feed", props); err != nil {
		t.Fatal(err)
	}
	_, err := constructs.NewIngestionPipeline(newStack(app, "Two"), "Feed", props)
	requireLines(t, err, []string{`feed "orders": Feed: One/Feed uses this name in the same store: give each feed a name of its own`})
}

func TestFunctionsThatAreNotBuilt(t *testing.T) {
	props := minimal("orders")
	props.Assets = "nowhere"
	_, err := constructs.NewIngestionPipeline(newStack(newApp(t), "Stack"), "Feed", props)
	requireLines(t, err, []string{
		`feed "orders": Assets: stat nowhere/arm64/unpack/bootstrap: no such file or directory: put the binary there, or leave Assets out to have it built`,
		`feed "orders": Assets: stat nowhere/arm64/load/bootstrap: no such file or directory: put the binary there, or leave Assets out to have it built`,
	})

	props.Snowflake = changesToSnowflake()
	_, err = constructs.NewIngestionPipeline(newStack(newApp(t), "Stack"), "Feed", props)
	requireLines(t, err, []string{
		`feed "orders": Assets: stat nowhere/arm64/unpack/bootstrap: no such file or directory: put the binary there, or leave Assets out to have it built`,
		`feed "orders": Assets: stat nowhere/arm64/load/bootstrap: no such file or directory: put the binary there, or leave Assets out to have it built`,
		`feed "orders": Assets: stat nowhere/arm64/snowflake/bootstrap: no such file or directory: put the binary there, or leave Assets out to have it built`,
		`feed "orders": Assets: stat nowhere/arm64/export/bootstrap: no such file or directory: put the binary there, or leave Assets out to have it built`,
	})

	_, err = constructs.NewStore(newStack(newApp(t), "Store"), "Store", constructs.StoreProps{
		Snowflake: connection(), Changes: true, Architecture: constructs.X86, Assets: "nowhere",
	})
	requireLines(t, err, []string{
		`store: Assets: stat nowhere/amd64/load/bootstrap: no such file or directory: put the binary there, or leave Assets out to have it built`,
		`store: Assets: stat nowhere/amd64/snowflake/bootstrap: no such file or directory: put the binary there, or leave Assets out to have it built`,
		`store: Assets: stat nowhere/amd64/export/bootstrap: no such file or directory: put the binary there, or leave Assets out to have it built`,
	})
}

// What the CDK finds wrong comes as an error as well, not as a panic of jsii.
func TestPanicsOfTheCDKAreErrors(t *testing.T) {
	stack := newStack(newApp(t), "Stack")
	props := minimal("orders")
	props.Assets = fakeAssets(t)
	if _, err := constructs.NewIngestionPipeline(stack, "Feed", props); err != nil {
		t.Fatal(err)
	}
	_, err := constructs.NewIngestionPipeline(stack, "Feed", props)
	if err == nil || !strings.HasPrefix(err.Error(), "cdk: ") || !strings.Contains(err.Error(), "already a Construct with name 'Feed'") {
		t.Errorf("second construct of one ID: error %v", err)
	}
}
