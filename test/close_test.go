package test

import (
	"testing"

	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

// After the CDK's process has ended, by either func, another app in the same Go
// process synthesizes the same templates: no package keeps an object of the CDK.
func TestSecondAppAfterClose(t *testing.T) {
	templates := func() map[string]string {
		app := newApp(t)
		props := comprehensive()
		props.Store = newStoreOf(t, app, comprehensiveStore())
		newFeed(t, app, props)
		queued := disposable()
		queued.Feed = "queued"
		newFeed(t, app, queued)
		normalized := map[string]string{}
		for stack, tpl := range synth(t, app) {
			normalized[stack] = tpl.normalized(t)
		}
		return normalized
	}
	first := templates()
	for name, end := range map[string]func(){"constructs.Close": constructs.Close, "jsii.Close": jsii.Close} {
		end()
		again := templates()
		if len(again) != 3 {
			t.Errorf("after %s: %d templates, want 3", name, len(again))
		}
		for stack, want := range first {
			if again[stack] != want {
				t.Errorf("after %s: the template of %s is another one", name, stack)
			}
		}
	}
}
