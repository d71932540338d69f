package constructs

// WarmThroughput is the throughput that a table can take at once. Zero fields mean what
// AWS gives a new table.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html
type WarmThroughput struct {
	// ReadUnits are read units a second, at least 12,000.
	ReadUnits int
	// WriteUnits are write units a second, at least 4,000. A table in an account whose
	// quota was not raised takes 40,000.
	WriteUnits int
}

// A new on-demand table takes this much from the start.
const (
	minWarmReadUnits  = 12_000
	minWarmWriteUnits = 4_000
)

func (p StoreProps) validateThroughput(report report) {
	if n := p.WarmThroughput.ReadUnits; n != 0 && n < minWarmReadUnits {
		report("WarmThroughput.ReadUnits", "%d is less than a new table takes from the start, %d: give more, or leave it out", n, minWarmReadUnits)
	}
	if n := p.WarmThroughput.WriteUnits; n != 0 && n < minWarmWriteUnits {
		report("WarmThroughput.WriteUnits", "%d is less than a new table takes from the start, %d: give more, or leave it out", n, minWarmWriteUnits)
	}
	if p.MaxWriteUnits < 0 {
		report("MaxWriteUnits", "%d is negative: give 0 for no limit but the account's", p.MaxWriteUnits)
	}
	if warm, most := p.WarmThroughput.WriteUnits, p.MaxWriteUnits; most > 0 && warm > most {
		report("WarmThroughput.WriteUnits", "%d is more than MaxWriteUnits, %d: it would be paid for and never be used", warm, most)
	}
}
