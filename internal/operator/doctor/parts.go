package doctor

import (
	"context"
	"slices"

	"example.com/ingestion/internal/store/ledger"
)

// maxParts bounds the parts that are counted.
const maxParts = 1000

// parts checks the parts that wait for load, and those that it has set aside.
func parts(ctx context.Context, d *doctor) {
	const name = "parts"
	if d.Feed.Table == "" {
		return
	}
	waiting, setAside, err := d.work(ctx)
	loading := slices.ContainsFunc(waiting, func(w ledger.Work) bool { return w.Loading })
	switch {
	case err != nil:
		d.unknown(name, err, "dynamodb:Query")
	case len(setAside) > 0:
		w := setAside[0]
		d.fail(name, "fix the cause, then load them: ingest replay "+d.Feed.Name+" (with --dry-run it lists them)",
			"%s set aside after several attempts; upload %s, part %s: %s", count(len(setAside), "part"), w.Upload, w.Part, w.Error)
	case len(waiting) > 0 && !loading:
		d.warn(name, "load them: ingest replay "+d.Feed.Name, "%s waiting, and no invocation of load has one of them: it begins within seconds, or it has failed", count(len(waiting), "part"))
	default:
		d.pass(name, "%s waiting for load", count(len(waiting), "part"))
	}
}
