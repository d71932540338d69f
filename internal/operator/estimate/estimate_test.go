package estimate_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/ingestion/internal/operator/estimate"
)

var load = estimate.Workload{RecordBytes: estimate.DefaultRecordBytes, FileBytes: estimate.DefaultFileBytes, Objects: 2500}

func builtIn(t *testing.T) estimate.Prices {
	t.Helper()
	p, err := estimate.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func templates(t *testing.T, stack string, bodies ...string) []estimate.Template {
	t.Helper()
	var all []estimate.Template
	for i, body := range bodies {
		tmpl, err := estimate.ParseTemplate(stack+strings.Repeat("2", i), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tmpl)
	}
	return all
}

func one(t *testing.T, body string) estimate.Estimate {
	t.Helper()
	all, err := estimate.Templates(templates(t, "Orders", body), builtIn(t), load)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d estimates, %v", len(all), err)
	}
	return all[0]
}

// feedTemplate is the template of a feed with these further resources.
func feedTemplate(metadata, resources string) string {
	return `{"Metadata":{"Ingestion":{"My-Orders":{"Spec":{"feed":"orders"}` + metadata + `}}},"Resources":{
		"MyOrdersUnpack1":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":1769,"Architectures":["arm64"],"Environment":{"Variables":{"FEED_SPEC":"{}","LOAD_FUNCTION":{"Ref":"MyOrdersStoreLoad1"}}}}},
		"MyOrdersStoreLoad1":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":512,"Architectures":["arm64"],"Environment":{"Variables":{"LANDING_BUCKET":"b","LOADERS":"16"}}}},
		"MyOrdersFailureQueue1":{"Type":"AWS::SQS::Queue"}` + resources + `}}`
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b)) }

func TestIdle(t *testing.T) {
	const alarm = `,"MyOrdersA%d":{"Type":"AWS::CloudWatch::Alarm","Properties":{"MetricName":"Errors"}}`
	const queue = `,"MyOrdersQ%[1]d":{"Type":"AWS::SQS::Queue"},"MyOrdersM%[1]d":{"Type":"AWS::Lambda::EventSourceMapping","Properties":{"EventSourceArn":{"Fn::GetAtt":["MyOrdersQ%[1]d","Arn"]}}}`
	const discover = `,"MyOrdersDiscover1":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":256,"Environment":{"Variables":{"UNPACK_FUNCTION":"x"}}}},
		"MyOrdersEvery":{"Type":"AWS::Events::Rule","Properties":{"ScheduleExpression":"rate(5 minutes)","Targets":[{"Arn":{"Fn::GetAtt":["MyOrdersDiscover1","Arn"]}}]}}`
	four := fmt.Sprintf(alarm+alarm+alarm+alarm, 1, 2, 3, 4)
	runs := 2628000.0 / 300
	tests := map[string]struct {
		resources string
		want      float64
	}{
		"nothing":           {``, 0},
		"four alarms":       {four, 0.40},
		"alarm of a sum":    {`,"MyOrdersA":{"Type":"AWS::CloudWatch::Alarm","Properties":{"Metrics":[{"Expression":"a+b"},{"MetricStat":{}},{"MetricStat":{}}]}}`, 0.20},
		"two queues":        {fmt.Sprintf(queue, 1) + fmt.Sprintf(queue, 2), 2 * 657000 * 0.0000004},
		"a stream":          {`,"MyOrdersM":{"Type":"AWS::Lambda::EventSourceMapping","Properties":{"EventSourceArn":{"Fn::GetAtt":["Table","StreamArn"]}}}`, 0},
		"key and dashboard": {`,"K":{"Type":"AWS::KMS::Key"},"D":{"Type":"AWS::CloudWatch::Dashboard","Properties":{}},"S":{"Type":"AWS::SecretsManager::Secret"}`, 4.40},
		"composite alarm":   {`,"C":{"Type":"AWS::CloudWatch::CompositeAlarm"}`, 0.50},
		"discover":          {discover, runs*0.0000002 + runs*0.25*0.0000166667 + runs*3*0.000005},
		"event pattern":     {`,"R":{"Type":"AWS::Events::Rule","Properties":{"EventPattern":{"source":["aws.s3"]}}}`, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := one(t, feedTemplate("", test.resources))
			if got.Feed != "orders" || got.Stack != "Orders" || !near(got.Idle, math.Round(test.want*100)/100) {
				t.Errorf("idle $%v of %s, want $%v: %+v", got.Idle, got.Feed, test.want, got.Lines)
			}
		})
	}
	cron := one(t, feedTemplate("", `,"R":{"Type":"AWS::Events::Rule","Properties":{"ScheduleExpression":"cron(0 1 * * ? *)","Targets":[]}}`))
	if !strings.Contains(strings.Join(cron.NotCounted, "\n"), `the schedule "cron(0 1 * * ? *)" of R`) {
		t.Errorf("not counted: %q", cron.NotCounted)
	}
}

func (l lines) usd(when estimate.When, price string) (sum float64) {
	for _, line := range l {
		if line.When == when && line.Price == price {
			sum += line.USD
		}
	}
	return sum
}

type lines []estimate.Line

// A million records of 500 bytes in 5 files, each of 3 parts.
func TestWork(t *testing.T) {
	simple := one(t, feedTemplate("", ""))
	want := map[string]float64{
		"dynamodb_wru":           (1_000_000 + 5*6 + 15*8) * 0.000000625,
		"lambda_request":         20 * 0.0000002,
		"s3_put":                 15 * 0.000005,
		"s3_get":                 (5*2 + 15*2) * 0.0000004,
		"sns_publish":            15 * 0.0000005,
		"lambda_gb_second_arm64": (500/103.9 + 500/78.58) * 1769 / 1024 * 0.0000133334,
		"eventbridge_event":      0,
		"snowflake_credit":       0,
		"sqs_request":            0,
	}
	sum := 0.0
	for price, usd := range want {
		if got := lines(simple.Lines).usd(estimate.Work, price); !near(got, usd) {
			t.Errorf("%s: $%v, want $%v", price, got, usd)
		}
		sum += usd
	}
	sum += 20 * 1000 / 1e9 * 0.5 // logs
	if !near(simple.PerMillion, sum) || !near(simple.PerGB, 2*sum) || !near(simple.Stored, 0.695*0.25) || simple.Metrics != 0 {
		t.Errorf("per million $%v, want $%v; per GB $%v; stored $%v; metrics $%v", simple.PerMillion, sum, simple.PerGB, simple.Stored, simple.Metrics)
	}

	big := load
	big.RecordBytes = 2000
	all, err := estimate.Templates(templates(t, "Orders", feedTemplate("", "")), builtIn(t), big)
	if err != nil {
		t.Fatal(err)
	}
	if wru := lines(all[0].Lines).usd(estimate.Work, "dynamodb_wru"); wru < 3_000_000*0.000000625 || !near(all[0].PerGB, all[0].PerMillion/2) {
		t.Errorf("records of 2,000 bytes: $%v of writes, $%v per GB of $%v", wru, all[0].PerGB, all[0].PerMillion)
	}

	pipe := one(t, feedTemplate(`,"Snowflake":{"from":"parts","load":"continuous"}`, ""))
	if got := lines(pipe.Lines).usd(estimate.Work, "snowflake_credit"); !near(got, 0.75*0.0037*2) {
		t.Errorf("Snowpipe: $%v", got)
	}
	bulk := one(t, feedTemplate(`,"Snowflake":{"from":"files","load":"bulk"}`, ""))
	if lines(bulk.Lines).usd(estimate.Work, "snowflake_credit") != 0 || !strings.Contains(strings.Join(bulk.NotCounted, " "), "compute for COPY") {
		t.Errorf("bulk: %+v", bulk)
	}
}

// A million records of 533 bytes cost at most $0.64 in all, and nothing while idle.
func TestCostOfAMillionRecords(t *testing.T) {
	work := load
	work.RecordBytes = 533
	all, err := estimate.Templates(templates(t, "Orders", feedTemplate("", "")), builtIn(t), work)
	if err != nil || len(all) != 1 || all[0].Idle != 0 || all[0].PerMillion > 0.64 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestStoreInAnotherStack(t *testing.T) {
	store := `{"Resources":{
		"Export1":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":512,"Environment":{"Variables":{"LANDING_BUCKET":"b"}}}},
		"Landing":{"Type":"AWS::S3::Bucket","Properties":{"LifecycleConfiguration":{"Rules":[{"ExpirationInDays":90,"Prefix":"landing/"}]}}},
		"Board":{"Type":"AWS::CloudWatch::Dashboard"},
		"Table":{"Type":"AWS::DynamoDB::GlobalTable","Properties":{"Replicas":[{"PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled": true}}]}}}}`
	queues := `{"Metadata":{"Ingestion":{"A":{"Spec":{"feed":"a","sources":[{"kind":"existing","bucket":"b"}]},"Snowflake":{"from":"table","load":"continuous"}},"AB":{"Spec":{"feed":"b"}}}},"Resources":{
		"AUnpack1":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":3538,"Environment":{"Variables":{"FEED_SPEC":"{}","METRICS":"Errors,Quarantined,Uploads,Records"}}}},
		"ABAlarm":{"Type":"AWS::CloudWatch::Alarm","Properties":{"MetricName":"m"}},
		"Key":{"Type":"AWS::KMS::Key"}}}`
	all, err := estimate.Templates(templates(t, "S", store, queues), builtIn(t), load)
	if err != nil || len(all) != 4 {
		t.Fatalf("%+v, %v", all, err)
	}
	a, b := all[0], all[1]
	if a.Feed != "a" || a.Idle != 0 || b.Feed != "b" || !near(b.Idle, 0.1) {
		t.Errorf("idle: %s $%v, %s $%v", a.Feed, a.Idle, b.Feed, b.Idle)
	}
	for i, usd := range map[int]float64{2: 3, 3: 1} {
		if all[i].Feed != estimate.Shared || !near(all[i].Idle, usd) {
			t.Errorf("%+v, want $%v", all[i], usd)
		}
	}
	got := lines(a.Lines)
	// Two processors make unpack no faster, and it costs twice as much.
	compute := (500/103.9*3538/1024 + 750/78.58*1769/1024) * 0.0000166667
	for price, usd := range map[string]float64{
		"eventbridge_event": 5 * 0.000001, "lambda_gb_second_x86_64": compute,
		"s3_gb_month": 0.75 / 5.2 * 90 / 30.4167 * 0.023, "snowflake_credit": 0.75 * 0.0037 * 2,
	} {
		if !near(got.usd(estimate.Work, price), usd) {
			t.Errorf("%s: $%v, want $%v", price, got.usd(estimate.Work, price), usd)
		}
	}
	if !near(a.Stored, 0.695*(0.25+0.2)) || !near(a.Metrics, 0.6) {
		t.Errorf("stored $%v, metrics $%v", a.Stored, a.Metrics)
	}
}

// Idle feeds of the project's templates cost nothing but the alarms.
func TestIdleOfTheSnapshots(t *testing.T) {
	files, err := filepath.Glob("../../../test/__snapshots__/*.snap.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d snapshots, %v", len(files), err)
	}
	quiet := 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), "_1.snap.json")
		tmpl, err := estimate.ParseTemplate(name, body)
		if err != nil {
			t.Fatal(err)
		}
		all, err := estimate.Templates([]estimate.Template{tmpl}, builtIn(t), load)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		count := map[string]int{}
		nothingFor := false
		for id, r := range tmpl.Resources {
			if strings.Contains(id, "PipeCheck") {
				continue // of the pipe, which comes with the alarms
			}
			count[r.Type]++
			nothingFor = nothingFor || strings.Contains(id, "NothingArrived")
		}
		asked := count["AWS::KMS::Key"]+count["AWS::Events::Rule"]+count["AWS::CloudWatch::Dashboard"]+count["AWS::Lambda::EventSourceMapping"] > 0 || nothingFor
		for _, e := range all {
			switch alarms := count["AWS::CloudWatch::Alarm"]; {
			case e.Feed == estimate.Shared || asked:
			case alarms == 0:
				quiet++
				if e.Idle != 0 {
					t.Errorf("%s: feed %s costs $%v a month idle, without alarms: %+v", name, e.Feed, e.Idle, e.Lines)
				}
			case e.Idle <= 0 || e.Idle > 0.50+1e-9:
				t.Errorf("%s: feed %s costs $%v a month idle, with %d alarms: %+v", name, e.Feed, e.Idle, alarms, e.Lines)
			}
			if e.PerMillion <= 0 && e.Feed != estimate.Shared {
				t.Errorf("%s: feed %s costs nothing for a million records", name, e.Feed)
			}
		}
	}
	if quiet == 0 {
		t.Error("no template is one of a feed without alarms")
	}
}

func TestReadAssembly(t *testing.T) {
	dir := t.TempDir()
	if _, err := estimate.ReadAssembly(dir); err == nil || !strings.Contains(err.Error(), "run `npx cdk synth` first") {
		t.Errorf("error %v", err)
	}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("manifest.json", `{"artifacts":{"Tree":{"type":"cdk:tree"},
		"Orders":{"type":"aws:cloudformation:stack","properties":{"templateFile":"Orders.template.json"}},
		"stage":{"type":"cdk:cloud-assembly","properties":{"directoryName":"assembly-stage"}}}}`)
	write("Orders.template.json", feedTemplate("", ""))
	write("assembly-stage/manifest.json", `{"artifacts":{"x":{"type":"aws:cloudformation:stack","properties":{"templateFile":"x.json","stackName":"stage-Orders"}}}}`)
	write("assembly-stage/x.json", feedTemplate("", ""))
	all, err := estimate.ReadAssembly(dir)
	if err != nil || len(all) != 2 || all[0].Stack != "Orders" || all[1].Stack != "stage-Orders" {
		t.Fatalf("%+v, %v", all, err)
	}
	write("Orders.template.json", "x")
	if _, err := estimate.ReadAssembly(dir); err == nil || !strings.Contains(err.Error(), "template of stack Orders") {
		t.Errorf("error %v", err)
	}
}

func TestPrices(t *testing.T) {
	p := builtIn(t)
	for name, price := range p.Prices {
		if !strings.HasPrefix(price.Source, "https://") || price.Read == "" {
			t.Errorf("%s: source %q, read %q", name, price.Source, price.Read)
		}
	}
	for name, a := range p.Assumptions {
		if a.Value <= 0 || a.Why == "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	file := filepath.Join(t.TempDir(), "prices.json")
	read := func(text string) (estimate.Prices, error) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return estimate.ReadPrices(file)
	}
	own, err := read(`{"date":"2030-01-01","region":"eu-central-1","prices":{"kms_key":{"usd":2,"per":"key","source":"https://x"}},"assumptions":{"compression":{"value":3,"why":"w"}}}`)
	if err != nil || own.Date != "2030-01-01" || own.Region != "eu-central-1" || own.Prices["kms_key"].USD != 2 || own.Assumptions["compression"].Value != 3 ||
		own.Prices["s3_put"] != p.Prices["s3_put"] {
		t.Errorf("%+v, %v", own, err)
	}
	for text, want := range map[string]string{
		`{}`:                                   "no date or no region",
		`{"date":"d","region":"r","price":{}}`: "unknown field",
		`{"date":"d","region":"r","prices":{"gold":{"usd":1,"per":"g","source":"s"}}}`:     `"gold" is no price of this command`,
		`{"date":"d","region":"r","prices":{"kms_key":{"usd":-1,"per":"g","source":"s"}}}`: "usd is at least 0",
		`{"date":"d","region":"r","assumptions":{"luck":{"value":1}}}`:                     `"luck" is no assumption`,
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := estimate.ReadPrices(file + "x"); err == nil {
		t.Error("no error for a missing file")
	}
	delete(own.Prices, "dynamodb_wru")
	if _, err := estimate.Templates(templates(t, "Orders", feedTemplate("", "")), own, load); err == nil || !strings.Contains(err.Error(), `no price "dynamodb_wru"`) {
		t.Errorf("error %v", err)
	}
	zero := builtIn(t)
	zero.Assumptions["envelope_bytes"] = estimate.Assumption{}
	if _, err := estimate.Templates(templates(t, "Orders", feedTemplate("", "")), zero, load); err == nil || !strings.Contains(err.Error(), `no assumption "envelope_bytes" above 0`) {
		t.Errorf("error %v", err)
	}
}

// The field names of the JSON output are part of the contract.
func TestJSONNames(t *testing.T) {
	b, err := json.Marshal(one(t, feedTemplate("", "")))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{`"feed":"orders"`, `"idle_usd_per_month":0,`, `"usd_per_million_records":0.`, `"usd_per_gb":1.`, `"price_date":"2026-`, `"region":"us-east-1"`} {
		if !strings.Contains(string(b), name) {
			t.Errorf("no %s in %s", name, b)
		}
	}
}

// Announcements cost an event for each file.
func TestCostOfAnnouncements(t *testing.T) {
	with := one(t, strings.Replace(feedTemplate(``, ``), `"feed":"orders"`, `"feed":"orders","announce":true`, 1))
	if got := lines(with.Lines).usd(estimate.Work, "eventbridge_event"); !near(got, 5*0.000001) {
		t.Errorf("announcements: $%v", got)
	}
}

// A key costs the write units and the storage of the records once more, and none where
// there is no key.
func TestCostOfAKey(t *testing.T) {
	units := func(body string) (table, index, stored float64) {
		for _, l := range one(t, body).Lines {
			switch {
			case l.Price == "dynamodb_wru" && strings.Contains(l.What, "index by key"):
				index = l.Quantity
			case l.Price == "dynamodb_wru" && strings.HasPrefix(l.What, "records"):
				table = l.Quantity
			case l.Price == "dynamodb_gb_month":
				stored += l.Quantity
			}
		}
		return table, index, stored
	}
	_, without, stored := units(feedTemplate(``, ``))
	with := strings.Replace(feedTemplate(``, ``), `"feed":"orders"`, `"feed":"orders","recordKey":{"fields":["id"]}`, 1)
	table, index, storedWith := units(with)
	if without != 0 || index != 1_000_000 || index != table || storedWith < 2*stored {
		t.Errorf("%g write units of the index without a key, %g with one and %g of the table; GB %g and %g", without, index, table, stored, storedWith)
	}
}
