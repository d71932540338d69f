package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Forms of output.
const (
	outputTable = "table"
	outputJSON  = "json"
)

// errData marks an error that tells of the data and not of the command, which
// did its work. run prints it as it is, after the results; the exit code is 1.
var errData = errors.New("something is wrong with the data")

type dataError struct{ error }

func (e dataError) Is(target error) bool { return target == errData }
func (e dataError) Unwrap() error        { return e.error }

// badData is fmt.Errorf for what a verb has found wrong with the data: errors.Is
// finds errData in it, and its text is the sentence alone.
func badData(format string, args ...any) error { return dataError{fmt.Errorf(format, args...)} }

// outputFlag adds --output for all verbs.
func (c *command) outputFlag(root *cobra.Command) {
	root.PersistentFlags().StringVarP(&c.output, "output", "o", outputTable, "form of the result: table or json")
	// It fails only for a flag that does not exist.
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(
		[]cobra.Completion{outputTable + "\tfor people", outputJSON + "\tfor programs"}, cobra.ShellCompDirectiveNoFileComp))
}

func (c *command) checkOutput() error {
	if c.output != outputTable && c.output != outputJSON {
		return fmt.Errorf("--output %q: it is %s or %s", c.output, outputTable, outputJSON)
	}
	return nil
}

// print prints a verb's result: v as indented JSON with --output json, else the
// tables and lines that asTable fills in. Nothing is printed when asTable fails.
func (c *command) print(cmd *cobra.Command, v any, asTable func(t *table) error) error {
	if c.output == outputJSON {
		return printJSON(cmd.OutOrStdout(), v)
	}
	t := &table{colours: coloured(cmd.OutOrStdout())}
	if err := asTable(t); err != nil {
		return err
	}
	_, err := io.WriteString(cmd.OutOrStdout(), t.String())
	return err
}

// printJSON prints v indented, with <, > and & as they are.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// terminal reports whether w is a terminal, and how wide it is.
func terminal(w any) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return width, true
}

// coloured reports whether to use colours on w: on a terminal that has them,
// unless NO_COLOR says otherwise (https://no-color.org).
func coloured(w any) bool {
	_, ok := terminal(w)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// shown is s without what would move a terminal's cursor or change its colours:
// keys and records may hold any character.
func shown(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unprintable(r) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case unprintable(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unprintable is a control character, or one that turns the direction of text.
func unprintable(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// shortened is s cut to n characters, with a sign that it was.
func shortened(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
