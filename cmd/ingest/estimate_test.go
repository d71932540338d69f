package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/ingestion/internal/operator/estimate"
)

// cdkOut writes a cloud assembly with a feed that has alarms.
func cdkOut(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"manifest.json": `{"artifacts":{"Orders":{"type":"aws:cloudformation:stack","properties":{"templateFile":"Orders.template.json"}},
			"Store":{"type":"aws:cloudformation:stack","properties":{"templateFile":"Store.template.json"}}}}`,
		"Store.template.json": `{"Resources":{"Dashboard":{"Type":"AWS::CloudWatch::Dashboard"},
			"StoreLoad1":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":512,"Architectures":["arm64"],"Environment":{"Variables":{"LANDING_BUCKET":"b","LOADERS":"16"}}}}}}`,
		"Orders.template.json": `{"Metadata":{"Ingestion":{"Orders":{"Spec":{"feed":"orders"},"Snowflake":{"from":"parts","load":"continuous"}}}},"Resources":{
			"OrdersUnpack1":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":1769,"Architectures":["arm64"],"Environment":{"Variables":{"FEED_SPEC":"{}","METRICS":"Errors,Records"}}}},
			"OrdersErrors":{"Type":"AWS::CloudWatch::Alarm","Properties":{"MetricName":"Errors"}},
			"OrdersFailed":{"Type":"AWS::CloudWatch::Alarm","Properties":{"MetricName":"Failed"}}}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEstimate(t *testing.T) {
	dir := cdkOut(t)
	for _, form := range []string{"table", "json"} {
		got := ingest(t.Context(), to(nil), "estimate", dir, "--output", form)
		if got.code != exitOK || got.errOut != "" {
			t.Fatalf("%+v", got)
		}
		golden(t, "estimate."+form, got.out)
	}
	got := ingest(t.Context(), to(nil), "estimate", dir, "--feed", "orders")
	if got.code != exitOK || strings.Contains(got.out, estimate.Shared) {
		t.Errorf("%+v", got)
	}
	prices := ingest(t.Context(), to(nil), "estimate", "--show-prices")
	file := filepath.Join(dir, "prices.json")
	if err := os.WriteFile(file, []byte(strings.Replace(prices.out, `"date": "`, `"date": "after `, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ingest(t.Context(), to(nil), "estimate", dir, "--prices", file); got.code != exitOK || !strings.HasPrefix(got.out, "Prices of after 20") {
		t.Errorf("%+v", got)
	}
}

func TestEstimateOfAVolume(t *testing.T) {
	args := []string{"estimate", "--files", "10000", "--gigabytes", "1000", "--within", "1h", "--record-bytes", "533"}
	for _, form := range []string{"table", "json"} {
		got := ingest(t.Context(), to(nil), append(args, "--output", form)...)
		if got.code != exitOK || got.errOut != "" {
			t.Fatalf("%+v", got)
		}
		golden(t, "estimate.volume."+form, got.out)
	}
	got := ingest(t.Context(), to(nil), "estimate", "--files", "-1", "--gigabytes", "0", "--feeds", "0", "--loaders", "65", "--table-units", "0", "--concurrency", "16")
	for _, want := range []string{"--files -1", "--gigabytes 0", "--feeds 0", "--loaders 65", "--table-units 0", "--concurrency 16"} {
		if got.code != exitUsage || !strings.Contains(got.errOut, want) {
			t.Errorf("%+v, want %q", got, want)
		}
	}
}

func TestEstimateOfNothing(t *testing.T) {
	dir := t.TempDir()
	for want, args := range map[string][]string{
		"run `npx cdk synth` first":                                    {"estimate", dir},
		`the templates have no feed "a"` + "\n" + `the templates have`: {"estimate", cdkOut(t), "--feed", "a", "--feed", "b"},
		"price list: open":                                             {"estimate", cdkOut(t), "--prices", filepath.Join(dir, "none")},
	} {
		if got := ingest(t.Context(), to(nil), args...); got.code != exitFailed || !strings.Contains(got.errOut, want) {
			t.Errorf("%+v, want %q", got, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ingest(t.Context(), to(nil), "estimate", dir, "-o", "json"); got.code != exitOK || got.out != "[]\n" {
		t.Errorf("%+v", got)
	}
}
