package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/ingestion/feed"
)

// formatOf returns the format of a file by its name.
func formatOf(name string) feed.Format {
	name, _, _ = strings.Cut(name+".", ".gz.")
	switch filepath.Ext(strings.TrimSuffix(name, ".")) {
	case ".ndjson", ".jsonl", ".zip":
		return feed.Format{Kind: feed.NDJSON}
	case ".csv":
		return feed.Format{Kind: feed.CSV, Delimiter: ","}
	case ".tsv":
		return feed.Format{Kind: feed.CSV, Delimiter: "\t"}
	case ".psv":
		return feed.Format{Kind: feed.CSV, Delimiter: "|"}
	}
	return feed.Format{Kind: feed.JSON}
}

// realFile unpacks and loads one of the files given as arguments, and compares
// what was stored with what was landed.
func (b *bench) realFile(ctx context.Context, file string, r *results) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	name := filepath.Base(file)
	b.s3.Set(sourceBucket, name, content)
	b.table.reset()
	u, err := b.unpack(ctx, name)
	if err != nil {
		return err
	}
	landed, err := b.landedLines()
	if err != nil {
		return err
	}
	want, err := digestLines(landed, member)
	if err != nil {
		return err
	}
	l, err := b.measureLoad(0, want, member, func() (outcome, error) { return b.load(ctx, "load") })
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	r.Files = append(r.Files, fileResult{name, float64(b.table.ledgerSum("bytes_unpacked")) / 1e6, want.Records, u.usage, l})
	return nil
}

// digestRows digests delimited text as the standard library reads it: each row
// is an object of strings, named by the header.
func digestRows(text []byte) (digest, error) {
	var d digest
	rows := csv.NewReader(bytes.NewReader(text))
	rows.Comma = '|'
	rows.ReuseRecord = true
	var names []string
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return d, nil
		}
		if err != nil {
			return d, err
		}
		if names == nil {
			names = slices.Clone(row)
			continue
		}
		object := make(map[string]any, len(row))
		for i, v := range row {
			object[names[i]] = v
		}
		d.add(sha256.Sum256(canonical(nil, object)))
	}
}
