// Command simulate prints what the functions do at scale, see package simulate: the
// table of docs/performance.md.
package main

import (
	"fmt"
	"log"

	"example.com/ingestion/internal/operator/estimate"
	"example.com/ingestion/internal/operator/simulate"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	prices, err := estimate.BuiltIn()
	if err != nil {
		return err
	}
	fmt.Print(simulate.Table(prices))
	return nil
}
