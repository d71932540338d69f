package ui

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// unpack is what prints where Chromium is, by the package's own API.
const unpack = `import("@sparticuz/chromium").then(async m => console.log(await m.default.executablePath()))`

// chromium returns a context of a new browser of the window's size.
func chromium(t *testing.T, width, height int) context.Context {
	t.Helper()
	path, fonts := chromiumPath(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("no-zygote", true), chromedp.Flag("in-process-gpu", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(width, height),
		// A proxy of the machine's has no way to this one.
		chromedp.Flag("no-proxy-server", true),
	)
	if fonts != "" {
		options = append(options, chromedp.Env("FONTCONFIG_FILE="+fonts))
	}
	// Not the test's context: it ends before the browser is told to, and what
	// the browser then still writes would be in the way of removing its folder.
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("end the browser: %v", err)
		}
	})
	return ctx
}

// chromiumPath is that of the machine's Chromium, or of the one in the npm
// package, which is for x86-64 Linux, with a configuration of the fonts it
// brings: its own looks for them in folders of Lambda only.
func chromiumPath(t *testing.T) (path, fonts string) {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, ""
		}
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("no chromium in the path, and that of @sparticuz/chromium is for x86-64 Linux")
	}
	repo, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(repo, "node_modules", "@sparticuz", "chromium")); err != nil {
		t.Skip("no chromium in the path, and no node_modules: run \"make deps\"")
	}
	// The package unpacks into the temporary folder, and takes what is there for
	// whole: in a folder of its own it cannot find half of one.
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "node", "-e", unpack)
	cmd.Dir, cmd.Env = repo, append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("unpack chromium: %v", err)
	}
	fonts = filepath.Join(dir, "fonts.conf")
	config := "<fontconfig><dir>" + filepath.Join(dir, "fonts") + "</dir><cachedir>" + filepath.Join(dir, "cache") + "</cachedir></fontconfig>\n"
	if err := os.WriteFile(fonts, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out)), fonts
}
