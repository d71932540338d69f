// Command terminal draws a section of the runbook as a terminal: an SVG image with the
// commands and outputs of its code blocks, which an end-to-end test executes.
//
//	go run ./scripts/terminal docs/operations.md "A feed has stopped" docs/images/terminal.svg
package main

import (
	"cmp"
	"fmt"
	"html"
	"log"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: terminal <document> <heading> <image>")
	}
	document, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	image, err := draw(string(document), os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[3], []byte(image), 0o600); err != nil {
		log.Fatal(err)
	}
}

// maxColumns is the width of the terminal; the end of a longer line is cut.
const maxColumns = 140

// Sizes in pixels. A monospaced character is 0.6 em wide in most fonts.
const (
	fontSize   = 13
	lineHeight = 19
	margin     = 16
	charWidth  = 7.8
)

// words are the words of a line. Each has the position of its column, so that the
// columns are aligned in any font.
var words = regexp.MustCompile(`\S+( \S+)*`)

// colors are the classes of words.
var colors = map[string]string{
	"failing": "bad", "failed": "bad", "fail": "bad", "idle": "good", "loaded": "good", "same": "good", "yes": "good",
}

// draw returns the image of a section.
func draw(document, heading string) (string, error) {
	lines := blocks(document, heading)
	if len(lines) == 0 {
		return "", fmt.Errorf("no code block under %q", heading)
	}
	var text strings.Builder
	for i, line := range lines {
		if r := []rune(line); len(r) > maxColumns {
			line = string(r[:maxColumns-1]) + "…"
		}
		class := ""
		if strings.HasPrefix(line, "$ ") {
			class = "command"
		}
		fmt.Fprintf(&text, "<text y=\"%d\">", margin+lineHeight*(i+1))
		for _, word := range words.FindAllStringIndex(line, -1) {
			column := utf8.RuneCountInString(line[:word[0]])
			shown := line[word[0]:word[1]]
			fmt.Fprintf(&text, `<tspan x="%.1f" class="%s">%s</tspan> `, margin+charWidth*float64(column), cmp.Or(colors[strings.Trim(shown, ":")], class), html.EscapeString(shown))
		}
		text.WriteString("</text>\n")
	}
	width, height := 2*margin+int(charWidth*maxColumns), 2*margin+lineHeight*(len(lines)+1)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="A terminal: %s">
<style>
text { font: %dpx ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #dbe4f0; white-space: pre; }
.command { fill: #ffffff; font-weight: 600; } .bad { fill: #ff9e97; } .good { fill: #7ddba3; }
</style>
<rect width="100%%" height="100%%" rx="8" fill="#11161d"/>
%s</svg>
`, width, height, html.EscapeString(heading), fontSize, text.String()), nil
}

// blocks returns the lines of the code blocks with commands of a section, with an empty
// line between two blocks.
func blocks(document, heading string) (all []string) {
	var inSection, inBlock bool
	var block []string
	for line := range strings.Lines(document) {
		line = strings.TrimRight(line, " \n")
		switch {
		case !inBlock && strings.HasPrefix(line, "#"):
			inSection = strings.TrimLeft(line, "# ") == heading
		case !inSection:
		case strings.HasPrefix(line, "```"):
			if inBlock = !inBlock; inBlock {
				block = nil
			} else if len(block) > 0 && strings.HasPrefix(block[0], "$ ") {
				if len(all) > 0 {
					all = append(all, "")
				}
				all = append(all, block...)
			}
		case inBlock:
			block = append(block, line)
		}
	}
	return all
}
