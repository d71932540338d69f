package ui

import (
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// fits checks that nothing is outside the screen, and that no table has to be scrolled.
func (b browser) fits(name string) {
	b.t.Helper()
	outside := read(b, chromedp.Evaluate[[]string](`[...document.querySelectorAll("main *")].filter((e) => e.checkVisibility() && !e.closest(".unseen, thead, svg") && (e.getBoundingClientRect().right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible")).map((e) => e.tagName + "." + e.className + ": " + e.textContent.slice(0, 80))`))
	if len(outside) > 0 {
		b.t.Errorf("%s: outside the screen: %q", name, outside)
	}
}

// contrast checks the contrast of every text in both color schemes.
func (b browser) contrast(name string) {
	b.t.Helper()
	for _, colors := range []string{"light", "dark"} {
		b.media(scheme(colors))
		type contrast struct {
			Ratio float64 `json:"ratio"`
			Text  string  `json:"text"`
		}
		least := read(b, chromedp.Evaluate[contrast](contrasts))
		// WCAG 2.2, success criterion 1.4.3.
		if least.Ratio < 4.5 || least.Ratio > 21 {
			b.t.Errorf("%s, %s: contrast %.2f of %q is below 4.5", name, colors, least.Ratio, least.Text)
		}
		graphics := read(b, chromedp.Evaluate[contrast](graphicContrasts))
		// WCAG 2.2, success criterion 1.4.11.
		if graphics.Ratio < 3 {
			b.t.Errorf("%s, %s: contrast %.2f of %s is below 3", name, colors, graphics.Ratio, graphics.Text)
		}
		b.t.Logf("%s, %s: the lowest contrast is %.2f, of %q", name, colors, least.Ratio, least.Text)
	}
	b.media()
}

// named checks the accessibility tree, which screen readers use: every control has a
// name, and the tables are tables although their rows are blocks.
func (b browser) named() {
	b.t.Helper()
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	text := func(v *accessibility.Value) string {
		if v == nil {
			return ""
		}
		return strings.Trim(string(v.Value), `"`)
	}
	roles := map[string]int{}
	for _, node := range tree.Nodes {
		if node.Ignored {
			continue
		}
		role := text(node.Role)
		roles[role]++
		if slices.Contains([]string{"button", "link", "searchbox", "table", "region", "article", "image"}, role) && text(node.Name) == "" {
			b.t.Errorf("a %s without a name", role)
		}
	}
	b.t.Logf("roles: %v", roles)
	if tables := read(b, chromedp.Evaluate[int](`[...document.querySelectorAll("table")].filter((t) => t.checkVisibility()).length`)); roles["table"] != tables {
		b.t.Errorf("%d tables for a screen reader, want %d", roles["table"], tables)
	}
}

// contrasts computes the lowest contrast of any text with its background.
const contrasts = `(() => {` + colorFunctions + `
  let least = [99, ""];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walk.nextNode());) {
    const e = n.parentElement;
    if (!n.textContent.trim() || !e.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least[0]) least = [ratio, e.className + ": " + n.textContent];
  }
  return { ratio: least[0], text: least[1] };
})()`

// graphicContrasts computes the lowest contrast of the border of a control, and of a bar
// of a picture, with its surroundings.
const graphicContrasts = `(() => {` + colorFunctions + `
  let least = { ratio: 99, text: "" };
  const check = (e, color, parent) => {
    const [a, b] = [light(rgb(color)), light(behind(parent))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least.ratio) least = { ratio, text: e.tagName + " " + (e.className.baseVal ?? e.className) };
  };
  for (const e of document.querySelectorAll("input, .copy")) if (e.checkVisibility()) check(e, getComputedStyle(e).borderTopColor, e.parentElement);
  for (const e of document.querySelectorAll("rect.stored, rect.quarantined")) if (e.checkVisibility()) check(e, getComputedStyle(e).fill, e.closest("figure svg, .spark"));
  return least;
})()`

// colorFunctions are the functions of the scripts above: the channels of a color, its relative
// luminance, and the background behind an element.
const colorFunctions = `
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (c) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };`
