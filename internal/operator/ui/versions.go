package ui

import (
	"context"
	"fmt"
	"strings"

	"example.com/ingestion/records"
)

// Versions implements Source.
func (a *AccountSource) Versions(ctx context.Context, feedName string, key []string) (VersionsView, error) {
	d, name, err := a.open(ctx, feedName)
	if err != nil {
		return VersionsView{}, err
	}
	if d.Spec.RecordKey == nil {
		return VersionsView{}, fmt.Errorf("key of feed %q: %w", feedName, ErrNotFound)
	}
	v := VersionsView{Feed: d.Name, Stack: d.Stack, Fields: d.Spec.RecordKey.Fields, Key: key, List: []Version{}}
	words := []string{"ingest records", name}
	for _, value := range key {
		words = append(words, "--key", quoted(value))
	}
	command := strings.Join(words, " ")
	v.Commands = []string{command + " --limit 1", command}
	from := records.New(d.DynamoDB, d.Table, d.Name)
	from.RecordKey = d.Spec.RecordKey
	for r, err := range from.Versions(ctx, records.KeyQuery{Values: key, Limit: shownRecords + 1}) {
		if err != nil {
			return v, err
		}
		if len(v.List) == shownRecords {
			v.More = true
			break
		}
		v.List = append(v.List, Version{
			Record: Record{ID: r.ID, Entry: r.Entry, Ordinal: r.Ordinal, Data: shorten(string(r.Data))},
			Feed:   r.Feed, Source: r.Source, Upload: r.Upload(),
		})
	}
	return v, nil
}

// quoted is a word of a command for a shell.
func quoted(value string) string {
	if value != "" && strings.IndexFunc(value, func(r rune) bool {
		return !strings.ContainsRune("-._/:@", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0 {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
