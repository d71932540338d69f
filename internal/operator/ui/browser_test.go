package ui

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a browser with one page. Its methods fail the test on an error.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func (b browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func read[T any](b browser, a chromedp.Action[T]) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// text waits for the first element of a selector and returns its visible text.
func (b browser) text(selector string) string {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	return strings.Join(strings.Fields(read(b, chromedp.Text(chromedp.CSS(selector)))), " ")
}

func (b browser) media(features ...*emulation.MediaFeature) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		b.t.Fatal(err)
	}
}

func scheme(name string) *emulation.MediaFeature {
	return &emulation.MediaFeature{Name: "prefers-color-scheme", Value: name}
}

// screenshot writes a screenshot to the folder that SCREENSHOTS names, by default to
// the artifacts of the test (go test -artifacts).
func (b browser) screenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		dir = b.t.ArtifactDir()
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, read(b, chromedp.FullScreenshot(100)), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.t.Log(path)
}

// open opens the page with a state.
func open(t *testing.T, source Source, width, height int) (browser, *Page) {
	t.Helper()
	page := serve(t, source, 20*time.Millisecond)
	b := browser{t, chromium(t, width, height)}
	b.do(chromedp.EmulateViewport(int64(width), int64(height)), chromedp.Navigate(page.URL), chromedp.WaitNotPresent(chromedp.CSS("#link:not(.live):not(.lost)")))
	return b, page
}

// check waits for the texts of elements: the page updates itself.
func (b browser) check(texts map[string]string) {
	b.t.Helper()
	for selector, want := range texts {
		var got string
		for range 100 {
			if got = b.text(selector); got == want {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if got != want {
			b.t.Errorf("%s:\n%q, want\n%q", selector, got, want)
		}
	}
}

// problems collects exceptions and log messages of the browser, for example about
// requests that the Content-Security-Policy blocks.
func (b browser) problems() func() []string {
	b.t.Helper()
	var mu sync.Mutex
	var all []string
	err := chromedp.Listen(b.ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			all = append(all, e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			all = append(all, "console."+string(e.Type))
		case *log.EventEntryAdded:
			all = append(all, e.Entry.Text)
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}
