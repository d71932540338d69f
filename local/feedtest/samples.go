package feedtest

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Samples returns real files for the demo's feeds, by stack, in the formats of these
// feeds. They are made from the npm package vega-datasets that is installed in the
// repository; their records are counted with the standard library.
func Samples(repo string) (map[string][]File, error) {
	samples := map[string][]File{}
	for stack, sample := range map[string]struct {
		file  string
		files func([]byte) ([]File, error)
	}{
		"Earthquakes": {"earthquakes.json", quakeFiles},
		"Airports":    {"airports.csv", airportFiles},
		"Movies":      {"movies.json", arrayFiles("movies")},
		"Flights":     {"flights-2k.json", arrayFiles("flights")},
	} {
		body, err := os.ReadFile(filepath.Join(repo, "node_modules", "vega-datasets", "data", sample.file))
		if err != nil {
			return nil, fmt.Errorf("real data for the example feeds: %w: run \"npm ci\"", err)
		}
		if samples[stack], err = sample.files(body); err != nil {
			return nil, fmt.Errorf("%s: %w", sample.file, err)
		}
	}
	return samples, nil
}

// arrayFiles makes two files of a JSON array: a gzipped one, and one with the first
// hundred elements as NDJSON.
func arrayFiles(name string) func([]byte) ([]File, error) {
	return func(array []byte) ([]File, error) {
		var all []json.RawMessage
		if err := json.Unmarshal(array, &all); err != nil {
			return nil, err
		}
		packed, err := gzipped(array)
		if err != nil {
			return nil, err
		}
		var lines bytes.Buffer
		few := all[:min(len(all), 100)]
		for _, v := range few {
			if err := json.Compact(&lines, v); err != nil {
				return nil, err
			}
			lines.WriteByte('\n')
		}
		return []File{
			{name + ".json.gz", packed, int64(len(all))},
			{"new/" + name + ".ndjson", lines.Bytes(), int64(len(few))},
		}, nil
	}
}

// collection is a GeoJSON document: the records are its features.
type collection struct {
	Type     string            `json:"type"`
	Features []json.RawMessage `json:"features"`
}

func quakeFiles(plain []byte) ([]File, error) {
	var all collection
	if err := json.Unmarshal(plain, &all); err != nil {
		return nil, err
	}
	n := len(all.Features)
	half := n / 2
	first, err := json.Marshal(collection{all.Type, all.Features[:half]})
	if err != nil {
		return nil, err
	}
	second, err := json.MarshalIndent(collection{all.Type, all.Features[half:]}, "", "  ")
	if err != nil {
		return nil, err
	}
	packed, err := gzipped(plain)
	if err != nil {
		return nil, err
	}
	secondPacked, err := gzipped(second)
	if err != nil {
		return nil, err
	}
	archive, err := zipped([]File{
		{Key: "earthquakes.json", Body: plain},
		{Key: "halves/first half.json", Body: first},
		{Key: "halves/second half.json.gz", Body: secondPacked},
	})
	if err != nil {
		return nil, err
	}
	return []File{
		{"2018/earthquakes.json", plain, int64(n)},
		{"2018/earthquakes.json.gz", packed, int64(n)},
		{"2018/earthquakes & others.zip", archive, int64(2 * n)},
	}, nil
}

func airportFiles(commas []byte) ([]File, error) {
	rows, err := csv.NewReader(bytes.NewReader(commas)).ReadAll()
	if err != nil {
		return nil, err
	}
	var pipes bytes.Buffer
	w := csv.NewWriter(&pipes)
	w.Comma = '|'
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	packed, err := gzipped(pipes.Bytes())
	if err != nil {
		return nil, err
	}
	n := int64(len(rows) - 1) // without the header
	return []File{{"airports.csv", pipes.Bytes(), n}, {"aéroports+1.csv.gz", packed, n}}, nil
}

func gzipped(b []byte) ([]byte, error) {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func zipped(files []File) ([]byte, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range files {
		w, err := z.Create(f.Key)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Body); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
