package simulate

import (
	"fmt"
	"time"

	"example.com/ingestion/internal/store/ledger"
)

// Advice is what to change so that the flow is less limited, and what to know of it.
func (r Result) Advice(sys System) []string {
	var all []string
	switch r.Bottleneck {
	case TableWrites:
		if sys.Initial < sys.Quota {
			all = append(all, fmt.Sprintf("the table begins with %.0f write units a second and takes twice as much after half an hour of full use: set warmWriteUnits for what arrives at once", sys.Initial))
		}
		all = append(all, fmt.Sprintf("the table takes at most %.0f write units a second: raise its quota (Service Quotas, \"Table-level write throughput limit\"), and maxWriteUnits if it is set", sys.Quota))
	case IndexWrites:
		all = append(all, "the ledger's index takes 1,000 write units a second for each feed: put small files into archives, or use several feeds")
	case Loaders:
		all = append(all, "the loaders are the limit: raise loaders, or loadMemoryMB up to 1,769 for faster ones")
	case Unpack:
		all = append(all, fmt.Sprintf("the account's %d concurrent executions are the limit: raise the quota of Lambda", sys.Concurrency))
	case Arrival:
	}
	if r.Expired > 0 {
		all = append(all, fmt.Sprintf("%d files wait for more than six hours, and their events go to the failure queue: send the files over a longer time, or replay them", r.Expired))
	}
	if r.Unreached > 0 {
		all = append(all, fmt.Sprintf("a compressed stream is unpacked up to about %.0f GB, since each invocation decompresses it from its beginning: send smaller files, or a zip of many", sys.streamLimit()/1e9))
	}
	if r.SetAside > 0 {
		all = append(all, fmt.Sprintf("%d parts fail too often and are set aside: see `ingest status`, then `ingest replay`", r.SetAside))
	}
	if r.scenario.FileBytes < ledger.SmallObjectBytes && r.scenario.Files > manyFiles {
		all = append(all, "small files share parts, and each costs an invocation and an upload in the ledger: archives of them would cost less")
	}
	return all
}

// manyFiles is from how many on small files cost more for themselves than for their
// records.
const manyFiles = 10_000

// Late reports by how much the records are complete after the last file has arrived.
func (r Result) Late() time.Duration { return max(0, r.Duration-r.scenario.Within) }

// streamLimit is how many bytes of a compressed stream unpack reaches.
func (s System) streamLimit() float64 { return s.invocationSeconds() * skipRate }
