package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLogs(t *testing.T) {
	c, u := withUploads(t)
	c.Logs = []string{
		"START RequestId: 1", `{"level":"INFO","msg":"unpacked","upload":"` + u.ID + `","source":"s3://orders-source/2026/x"}`,
		"{\"level\":\"ERROR\",\"msg\":\"failed\",\"error\":\"2026/new.json: \x1b[31mred\"}", "END RequestId: 1",
	}
	for name, args := range map[string][]string{
		"logs":        {"--since", "2026-03-01"},
		"logs.since":  {"--since", "2026-03-01T13:02:00Z"},
		"logs.upload": {"--since", "2026-03-01", "2026/br"},
		"logs.text":   {"--since", "2026-03-01", "2026/new.json"},
		"logs.ndjson": {"--since", "2026-03-01", "--output", "ndjson"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ingest(t.Context(), c.connect, append([]string{"logs", "orders"}, args...)...)
			if got.code != exitOK || got.errOut != "" {
				t.Fatalf("%+v", got)
			}
			golden(t, name, got.out)
		})
	}
	if got := ingest(t.Context(), c.connect, "logs", "orders"); got.code != exitOK || got.out != "" || !strings.HasPrefix(got.errOut, "ingest: no such line since ") {
		t.Errorf("older than an hour: %+v", got)
	}
}

func TestLogsOfALocalRun(t *testing.T) {
	c := newAccount(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "orders-load.log"), []byte("2026-03-01T13:00:00.000Z loaded\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ingest(t.Context(), c.connect, "logs", "orders", "--since", "2026-03-01", "--dir", dir); got.code != exitOK || got.out != "2026-03-01 13:00:00.000  load      loaded\n" {
		t.Errorf("%+v", got)
	}
	t.Setenv("INGEST_LOGS", dir) // as `make local` prints it
	if got := ingest(t.Context(), c.connect, "logs", "orders", "--since", "2026-03-01"); got.code != exitOK || got.out != "2026-03-01 13:00:00.000  load      loaded\n" {
		t.Errorf("%+v", got)
	}
	if got := ingest(t.Context(), c.connect, "logs", "orders", "--dir", filepath.Join(dir, "none")); got.code != exitFailed || !strings.Contains(got.errOut, "give the folder that `make local` prints") {
		t.Errorf("%+v", got)
	}
}

func TestLogsFollow(t *testing.T) {
	c := newAccount(t)
	c.Logs = []string{"one"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	got := ingest(ctx, c.connect, "logs", "orders", "--since", "2026-03-01", "--follow", "--interval", "10ms")
	if got.code != exitOK || got.out != "2026-03-01 13:00:00.000  unpack    one\n" {
		t.Errorf("%+v", got)
	}
}

func TestInvalidLogsFlags(t *testing.T) {
	for name, args := range map[string][]string{
		"no feed": {"logs"}, "three": {"logs", "a", "b", "c"}, "interval": {"logs", "orders", "--interval", "0s"}, "since": {"logs", "orders", "--since", "x"},
		"output": {"logs", "orders", "-o", "json"},
	} {
		if got := ingest(t.Context(), to(nil), args...); got.code != exitUsage || got.out != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
