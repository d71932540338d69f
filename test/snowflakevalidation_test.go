package test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/ingestion/constructs"
)

func TestValidateSnowflake(t *testing.T) {
	const feed = `feed "orders": Snowflake.`
	manySuffixes := make([]string, 51)
	for i := range manySuffixes {
		manySuffixes[i] = fmt.Sprintf(".%d.csv", i+100)
	}
	for _, test := range []struct {
		name   string
		change func(*constructs.IngestionPipelineProps)
		want   []string
	}{
		{"nothing given", func(p *constructs.IngestionPipelineProps) {
			p.Snowflake = &constructs.SnowflakeProps{}
		}, []string{
			feed + `Connection: is required: or Principal and ExternalID, to make the objects by hand`,
			feed + `Subscriber: is required for load continuous without a Connection, because the topic is the feed's own: give the user that SYSTEM$GET_AWS_SNS_IAM_POLICY names`,
			feed + `Database: is required`,
			feed + `Schema: is required`,
			feed + `Table: is required`,
		}},
		{"connection", func(p *constructs.IngestionPipelineProps) {
			p.Snowflake.Connection = &constructs.SnowflakeConnection{
				Account: "myorg-myaccount.snowflakecomputing.com", Secret: "a secret", WorkloadIdentity: true, Host: "https://host",
			}
		}, []string{
			feed + `Connection.Account: "myorg-myaccount.snowflakecomputing.com" is a host: give <organization>-<account>, and what is unusual as Host`,
			feed + `Connection.User: is required`,
			feed + `Connection.Role: is required: it owns what the deployment makes`,
			feed + `Connection.Secret: "a secret" is not needed with WorkloadIdentity: leave one of the two out`,
			feed + `Connection.Host: "https://host" is not a host name, such as "myorg-myaccount.privatelink.snowflakecomputing.com"`,
		}},
		{"secret", func(p *constructs.IngestionPipelineProps) {
			p.Snowflake.Connection.Secret = "arn:aws:s3:::key"
		}, []string{feed + `Connection.Secret: "arn:aws:s3:::key" is neither the name nor the ARN of a secret`}},
		{"connection and trust", func(p *constructs.IngestionPipelineProps) {
			c := p.Snowflake.Connection
			byHand(p.Snowflake)
			p.Snowflake.Connection = c
		}, []string{
			feed + `Principal: "arn:aws:iam::111122223333:user/abc1-s-xyz" belongs to a feed without Connection: with one, the deployment takes it from the integration`,
			feed + `ExternalID: "orders-4711" belongs to a feed without Connection: with one, the deployment takes it from the integration`,
			feed + `Subscriber: "arn:aws:iam::111122223333:user/abc1-n-xyz" belongs to a feed without Connection: with one, it is looked up`,
		}},
		{"existing integration and trust", func(p *constructs.IngestionPipelineProps) {
			byHand(p.Snowflake)
			p.Snowflake.ExistingIntegration, p.Snowflake.ExternalID = true, ""
		}, []string{
			feed + `Principal: "arn:aws:iam::111122223333:user/abc1-s-xyz" belongs to an integration of the feed's own: an existing one has its role already`,
		}},
		{"wrong trust", func(p *constructs.IngestionPipelineProps) {
			p.Snowflake.Connection = nil
			p.Snowflake.Principal, p.Snowflake.ExternalID, p.Snowflake.Subscriber = "snowflake", "?", "*"
		}, []string{
			feed + `Principal: "snowflake" is not the ARN of an IAM user or role, such as "arn:aws:iam::123456789012:user/abc1-s-xyz"`,
			feed + `Subscriber: "*" is not the ARN of an IAM user or role`,
			feed + `ExternalID: has 1 characters, IAM allows 2 to 1224`,
		}},
		{"principal alone", func(p *constructs.IngestionPipelineProps) {
			byHand(p.Snowflake)
			p.Snowflake.ExternalID = ""
		}, []string{feed + `ExternalID: is required with Principal: 2 to 1224 characters, chosen by you`}},
		{"what the spec knows", func(p *constructs.IngestionPipelineProps) {
			p.Format = constructs.CSV('|')
			p.Source = constructs.NewBucket(constructs.WithPrefix("in"))
			p.Snowflake.From, p.Snowflake.Load = constructs.FromFiles(), constructs.Bulk("17 2 * * *", constructs.InTimeZone("Mars"))
		}, []string{
			feed + `Prefix: "in" must end with a slash: without it the stage includes other prefixes that start with the same text; with FromFiles end the source's prefix with a slash`,
			feed + `TimeZone: "Mars" is not an IANA time zone: write UTC or, for example, Europe/Berlin`,
			feed + `From: FromFiles creates the table with the header's columns, and CSV() names none: name them, or use FromParts()`,
		}},
		{"too many suffixes for two notifications each", func(p *constructs.IngestionPipelineProps) {
			p.Source = constructs.NewBucket(constructs.WithSuffixes(manySuffixes...))
			p.Snowflake.From, p.Snowflake.Load = constructs.FromFiles(), constructs.ExternalTable()
		}, []string{
			`feed "orders": Source.Suffixes: has 51 suffixes, and an external table needs two notifications for each: the limit of a bucket is 100, use a prefix`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			props := toSnowflake("orders", constructs.FromParts(), constructs.Continuous())
			test.change(&props)
			requireLines(t, props.Validate(), test.want)
		})
	}
}

// A capability that the store lacks is reported before the store is made, and for a
// store that exists.
func TestStoreForSnowflake(t *testing.T) {
	feed := func(from constructs.SnowflakeFrom, load constructs.SnowflakeLoad) constructs.IngestionPipelineProps {
		return toSnowflake("orders", from, load)
	}
	const stack = "stack Feed-orders: "
	noChanges := `feed "orders": Snowflake.From: FromTable needs a store that exports its changes: set StoreProps.Changes, or StoreNames.Changes for an imported one that has it`
	for _, from := range []constructs.SnowflakeFrom{constructs.FromTable(), constructs.FromParts()} {
		props := toSnowflake("orders", from, constructs.Bulk("17 2 * * *"))
		props.NoTable = true
		props.Store = newStoreOf(t, newApp(t), comprehensiveStore())
		if err := props.Validate(); (err != nil) != (from == constructs.FromTable()) || err != nil && !strings.Contains(err.Error(), `feed "orders": NoTable: leaves the records nowhere but in the landing bucket`) {
			t.Errorf("NoTable from %v: %v", from, err)
		}
	}
	noSubscribers := `feed "orders": Snowflake.Load: continuous needs a store whose topic Snowflake may subscribe to: set StoreProps.Snowflake or StoreProps.Subscribers`

	changes := feed(constructs.FromTable(), constructs.Continuous())
	requireLines(t, constructs.ValidateFeeds(constructs.StoreProps{}, feedStack(changes)), []string{stack + noChanges, stack + noSubscribers})
	app := newApp(t)
	changes.Store = newStore(t, app)
	requireLines(t, changes.Validate(), []string{noChanges, noSubscribers})

	imported, err := constructs.ImportStore(newStack(app, "Imported"), "Store", constructs.StoreNames{
		LandingBucket: "landing", Table: "records", TopicARN: "arn:aws:sns:us-east-1:123456789012:parts", LoadFunction: "store-load",
	})
	if err != nil {
		t.Fatal(err)
	}
	changes.Store = imported
	requireLines(t, changes.Validate(), []string{noChanges})

	subscriber := feed(constructs.FromParts(), constructs.Continuous())
	byHand(subscriber.Snowflake)
	requireLines(t, constructs.ValidateFeeds(constructs.StoreProps{Changes: true}, feedStack(subscriber)), []string{
		stack + `feed "orders": Snowflake.Subscriber: "arn:aws:iam::111122223333:user/abc1-n-xyz" has no topic of the feed's own to subscribe to: give it to StoreProps.Subscribers`,
		stack + noSubscribers,
	})

	for name, ok := range map[string]struct {
		store constructs.StoreProps
		props constructs.IngestionPipelineProps
	}{
		"a topic of its own":      {constructs.StoreProps{}, feed(constructs.FromFiles(), constructs.ExternalTable())},
		"no topic at all":         {constructs.StoreProps{}, feed(constructs.FromParts(), constructs.Bulk("17 2 * * *"))},
		"subscribers by name":     {constructs.StoreProps{Subscribers: []string{"arn:aws:iam::111122223333:user/n"}}, feed(constructs.FromParts(), constructs.ExternalTable())},
		"changes and connection":  {constructs.StoreProps{Snowflake: connection(), Changes: true}, feed(constructs.FromTable(), constructs.ExternalTable())},
		"nothing about Snowflake": {constructs.StoreProps{}, minimal("orders")},
	} {
		t.Run(name, func(t *testing.T) {
			if err := constructs.ValidateFeeds(ok.store, feedStack(ok.props)); err != nil {
				t.Error(err)
			}
		})
	}
	alone := feed(constructs.FromTable(), constructs.Continuous())
	if err := alone.Validate(); err != nil {
		t.Errorf("a feed with a store of its own: %v", err)
	}
}

func TestFeedsInOneAccountOfSnowflake(t *testing.T) {
	orders := toSnowflake("orders", constructs.FromParts(), constructs.Bulk("17 2 * * *"))
	same := toSnowflake("returns", constructs.FromParts(), constructs.Bulk("17 2 * * *"))
	same.Snowflake.Table, same.Snowflake.Integration = "Orders", "orders_integration"
	requireLines(t, constructs.ValidateFeeds(constructs.StoreProps{}, feedStack(orders), feedStack(same)), []string{
		`stack Feed-returns: feed "returns": Snowflake.Table: feed "orders" has "RAW"."PUBLIC"."ORDERS" in the same account of Snowflake: give each a name of its own`,
		`stack Feed-returns: feed "returns": Snowflake.View: feed "orders" has "RAW"."PUBLIC"."ORDERS_RECORDS" in the same account of Snowflake: give each a name of its own`,
		`stack Feed-returns: feed "returns": Snowflake.Integration: feed "orders" has "ORDERS_INTEGRATION" in the same account of Snowflake: give each a name of its own`,
	})

	view := toSnowflake("returns", constructs.FromParts(), constructs.Bulk("17 2 * * *"))
	view.Snowflake.View = "orders"
	requireLines(t, constructs.ValidateFeeds(constructs.StoreProps{}, feedStack(orders), feedStack(view)), []string{
		`stack Feed-returns: feed "returns": Snowflake.View: feed "orders" has "RAW"."PUBLIC"."ORDERS" in the same account of Snowflake: give each a name of its own`,
	})

	elsewhere := same
	snowflake, other := *same.Snowflake, *connection()
	other.Account = "myorg-other"
	snowflake.Connection = &other
	elsewhere.Snowflake = &snowflake
	shared := toSnowflake("returns", constructs.FromParts(), constructs.Bulk("17 2 * * *"))
	shared.Snowflake.Integration, shared.Snowflake.ExistingIntegration = "ORDERS_INTEGRATION", true
	for name, second := range map[string]constructs.IngestionPipelineProps{
		"another account": elsewhere, "an integration used, not owned": shared,
	} {
		if err := constructs.ValidateFeeds(constructs.StoreProps{}, feedStack(orders), feedStack(second)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
