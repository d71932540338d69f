package simulate

import (
	"fmt"
	"strings"
	"time"

	"example.com/ingestion/internal/operator/estimate"
)

// Table is a table in Markdown with the results of the scenarios, for a new table and for
// one whose warm throughput is its quota.
func Table(prices estimate.Prices) string {
	var b strings.Builder
	b.WriteString("| scenario | table | stored | hours | cost | of the floor | waiting, of Lambda | peak of unpack, load | oldest event | limited by |\n|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for _, sc := range Scenarios() {
		for _, table := range []struct {
			name string
			sys  System
		}{{"new", NewSystem()}, {"warmed", NewSystem().Warmed()}} {
			r := Run(sc, table.sys, prices)
			fmt.Fprintf(&b, "| %s | %s | %.1f %% | %.2f | $%.2f | %.2f | %.1f %% | %d, %d | %s | %s |\n", sc.Name, table.name, 100*r.Stored,
				r.Duration.Hours(), r.Total(), r.Total()/r.Floor, 100*r.Waiting/r.Lambda, r.PeakUnpack, r.PeakLoad, r.OldestEvent.Round(time.Minute), r.Bottleneck)
		}
	}
	return b.String()
}
