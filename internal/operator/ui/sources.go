package ui

import (
	"context"
	"time"

	"example.com/ingestion/internal/operator"
)

// sourcesInterval is the interval between two reads of a stack's template.
const sourcesInterval = 5 * time.Minute

// sources are the sources of a feed.
type sources struct {
	uris    []string
	at      time.Time
	reading bool
}

// sourcesOf returns the URIs of a feed's sources, empty until its template was read.
func (a *AccountSource) sourcesOf(ctx context.Context, f operator.Feed) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.sources[f.String()]
	if known == nil {
		known = &sources{}
		a.sources[f.String()] = known
	}
	if !known.reading && time.Since(known.at) > sourcesInterval {
		known.reading = true
		go a.readSources(ctx, f)
	}
	return append([]string{}, known.uris...)
}

func (a *AccountSource) readSources(ctx context.Context, f operator.Feed) {
	var uris []string
	static, err := f.Static(ctx, a.account.Stacks)
	if err == nil { // otherwise the page shows no sources
		for _, s := range static.Spec.Sources {
			bucket := s.Bucket
			if bucket == "" {
				bucket = f.Output("SourceBucket")
			}
			uris = append(uris, "s3://"+bucket+"/"+s.Prefix)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sources[f.String()] = &sources{uris: uris, at: time.Now()}
}
