package main

import (
	"runtime/debug"
	"strings"
)

// version describes the build: the module's version, and the commit if the build
// recorded one.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return describe(info)
}

func describe(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	parts := []string{strings.Trim(info.Main.Version, "()")}
	if revision := settings["vcs.revision"]; revision != "" && !strings.Contains(info.Main.Version, revision[:12]) {
		if settings["vcs.modified"] == "true" {
			revision += " with local changes"
		}
		parts = append(parts, "commit "+revision)
	}
	return strings.Join(append(parts, info.GoVersion), ", ")
}
