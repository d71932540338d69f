package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Failure is an event in the feed's failure queue, or a part that load has set aside.
type Failure struct {
	Time     time.Time
	Function string // that failed on it
	// Objects are the URIs of the source objects of a notification; Upload and Part are
	// those of the event, if it has them.
	Objects []string
	Upload  string
	Part    string
	Error   string
}

// failed reports the failed events. What such an event explains, such as an object that
// is not in the ledger, is one difference with it.
func (r *Reconcile) failed(result *Result) {
	for _, f := range r.Failures {
		explained := false
		for i := range result.Findings {
			finding := &result.Findings[i]
			if f.explains(*finding) {
				explained = true
				remedy := r.command("replay", "")
				if finding.Kind != NoEvent { // the ledger has the upload
					remedy = r.command("replay", "--upload "+finding.Upload)
				}
				finding.Kind, finding.Detail, finding.Remedy = Failed, f.detail(), remedy
			}
		}
		for i := range result.Uploads {
			if u := &result.Uploads[i]; u.ID == f.Upload {
				u.Waiting, u.Differs = false, true
			}
		}
		if explained || r.Upload != nil && f.Upload != r.Upload.ID || f.Time.Before(r.Since) {
			continue
		}
		result.Findings = append(result.Findings, Finding{
			Kind: Failed, Upload: f.Upload, Source: strings.Join(f.Objects, " "), Part: f.Part, Count: 1, Detail: f.detail(), Remedy: r.command("replay", ""),
		})
	}
}

func (f Failure) explains(finding Finding) bool {
	switch finding.Kind {
	case NoEvent, Waiting, Stuck, NotLoaded:
		sameUpload := finding.Upload != "" && finding.Upload == f.Upload || slices.Contains(f.Objects, finding.Source)
		return sameUpload && (finding.Part == f.Part || finding.Part == "")
	}
	return false
}

func (f Failure) detail() string {
	text := f.Error
	if text == "" {
		text = "the event does not contain the error"
	}
	return fmt.Sprintf("%s failed at %s, and is not retried any more: %s", f.Function, f.Time.UTC().Format(time.DateTime), text)
}
