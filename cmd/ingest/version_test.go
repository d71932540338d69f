package main

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	if got := ingest(t.Context(), to(nil), "--version"); got.code != exitOK || !strings.HasPrefix(got.out, "ingest ") || !strings.Contains(got.out, "go1.") {
		t.Errorf("%+v", got)
	}
}

func TestDescribe(t *testing.T) {
	const revision = "0123456789abcdef0123456789abcdef01234567"
	for want, info := range map[string]*debug.BuildInfo{
		"v1.2.3, go1.26": {GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.3"}},
		"devel, go1.26":  {GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"}},
		"devel, commit " + revision + ", go1.26": {
			GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: revision}},
		},
		"devel, commit " + revision + " with local changes, go1.26": {
			GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"},
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: "true"}},
		},
		"v0.0.0-20260301120000-0123456789ab, go1.26": {
			GoVersion: "go1.26", Main: debug.Module{Version: "v0.0.0-20260301120000-0123456789ab"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: revision}},
		},
	} {
		if got := describe(info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
