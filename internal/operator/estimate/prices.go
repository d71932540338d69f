package estimate

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// Prices is a price list.
type Prices struct {
	// Date is when the prices were collected, Region the AWS region that they are for.
	Date   string `json:"date"`
	Region string `json:"region"`
	// Note describes the limits of the list.
	Note        string                `json:"note"`
	Prices      map[string]Price      `json:"prices"`
	Assumptions map[string]Assumption `json:"assumptions"`
}

// Price is one price.
type Price struct {
	USD float64 `json:"usd"`
	Per string  `json:"per"`
	// Source is the authoritative page, Read where the price was read.
	Source string `json:"source"`
	Read   string `json:"read"`
}

// Assumption is a figure other than a price.
type Assumption struct {
	Value float64 `json:"value"`
	Why   string  `json:"why"`
}

//go:embed prices.json
var builtIn []byte

// BuiltIn returns the price list of the command.
func BuiltIn() (Prices, error) { return parsePrices(builtIn) }

// ReadPrices reads another price list. Prices that it does not contain are those of
// BuiltIn.
func ReadPrices(file string) (Prices, error) {
	p, err := BuiltIn()
	if err != nil {
		return p, err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return p, fmt.Errorf("price list: %w", err)
	}
	own, err := parsePrices(b)
	if err != nil {
		return p, fmt.Errorf("price list %s: %w", file, err)
	}
	p.Date, p.Region, p.Note = own.Date, own.Region, own.Note
	var wrong []error
	for name, price := range own.Prices {
		if _, known := p.Prices[name]; !known {
			wrong = append(wrong, fmt.Errorf("price list %s: %q is no price of this command: `ingest estimate --show-prices` prints them all", file, name))
		}
		p.Prices[name] = price
	}
	for name, a := range own.Assumptions {
		if _, known := p.Assumptions[name]; !known {
			wrong = append(wrong, fmt.Errorf("price list %s: %q is no assumption of this command: `ingest estimate --show-prices` prints them all", file, name))
		}
		p.Assumptions[name] = a
	}
	return p, errors.Join(wrong...)
}

func parsePrices(b []byte) (Prices, error) {
	var p Prices
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, err
	}
	if p.Date == "" || p.Region == "" {
		return p, errors.New("it has no date or no region")
	}
	for name, price := range p.Prices {
		if price.USD < 0 || price.Per == "" || price.Source == "" {
			return p, fmt.Errorf("price %q: usd is at least 0, and per and source say what it is for and where it is from", name)
		}
	}
	return p, nil
}
