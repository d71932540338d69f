package constructs

import "example.com/ingestion/feed"

// Format describes how the files of a feed are split into records. Archives and
// compressions are recognised without it. Make one with
// JSON, NDJSON, CSV, FixedWidth or Parquet.
type Format struct{ spec feed.Format }

// JSON is for files that are a JSON array, or one or several JSON documents.
// The records of an array inside a document are found with At.
func JSON() Format { return Format{feed.Format{Kind: feed.JSON}} }

// At is the path of the array of records in each document: object keys
// separated by dots, such as "features" or "result.items".
func (f Format) At(path string) Format {
	f.spec.Path = path
	return f
}

// NDJSON is for files of one JSON document a line. A broken line costs that line alone.
func NDJSON() Format { return Format{feed.Format{Kind: feed.NDJSON}} }

// CSV is for delimited text with a header row. The delimiter is one ASCII
// character. Columns, when given, are the names that every header row must
// have, in that order: a file with others is quarantined instead of loaded.
// Without columns, a file is quarantined if it begins like HTML, XML, JSON or PDF,
// if its header row has one column with another usual delimiter in it, or a name
// that looks like a value (a number, a date, a path).
//
// Fields may be quoted as in RFC 4180. A row with line breaks in a quoted field is
// quarantined if each of its lines has as many delimiters as a row has, because its
// quotes are then probably ordinary characters, such as inch marks: see NoQuotes and
// TrustQuotes.
func CSV(delimiter rune, columns ...string) Format {
	return Format{feed.Format{Kind: feed.CSV, Delimiter: string(delimiter), Columns: columns}}
}

// DelimitedBy is CSV for a delimiter of several characters, such as "||".
func DelimitedBy(delimiter string, columns ...string) Format {
	return Format{feed.Format{Kind: feed.CSV, Delimiter: delimiter, Columns: columns}}
}

// FixedColumn is a column of fixed-width text: its name, and its width in characters.
type FixedColumn struct {
	Name  string
	Width int
}

// FixedWidth is for text with one record per line, in columns of fixed width, without a
// header row (SkipLines skips one). Spaces around the values are removed. A line is
// quarantined if it ends before its last column, or has other characters than spaces
// after it.
func FixedWidth(columns ...FixedColumn) Format {
	spec := feed.Format{Kind: feed.FixedWidth}
	for _, c := range columns {
		spec.Columns = append(spec.Columns, c.Name)
		spec.Widths = append(spec.Widths, c.Width)
	}
	return Format{spec}
}

// NoQuotes is for delimited text in which a quote is an ordinary character.
func (f Format) NoQuotes() Format {
	f.spec.Quotes = feed.NoQuotes
	return f
}

// TrustQuotes is for delimited text whose quoted fields may have line breaks and any
// number of delimiters.
func (f Format) TrustQuotes() Format {
	f.spec.Quotes = feed.TrustQuotes
	return f
}

// Parquet is for Parquet files: each row is a record. docs/feeds.md has the types.
// Inside a zip, tar or gzip it may have up to 384 MiB.
func Parquet() Format { return Format{feed.Format{Kind: feed.Parquet}} }

// Escape is for delimited text with an escape character, such as '\\': the character
// after it is part of the field, be it a delimiter, a quote or a line break.
func (f Format) Escape(character rune) Format {
	f.spec.Escape = string(character)
	return f
}

// SkipLines is for delimited or fixed-width text with lines at the start that are not
// read, such as the title of a report.
func (f Format) SkipLines(lines int) Format {
	f.spec.SkipLines = lines
	return f
}

// Comments is for delimited or fixed-width text in which lines that begin with prefix, such as "#",
// are not read.
func (f Format) Comments(prefix string) Format {
	f.spec.Comment = prefix
	return f
}

// Trim removes spaces and tabs around names and values of delimited text, and skips a
// line of dashes under the header row, as database clients print tables.
func (f Format) Trim() Format {
	f.spec.Trim = true
	return f
}

// TrailingDelimiter is for delimited text whose rows may end with a delimiter after
// their last field.
func (f Format) TrailingDelimiter() Format {
	f.spec.TrailingDelimiter = true
	return f
}

// NoHeader is for delimited text without a header row: the columns of CSV are its names.
func (f Format) NoHeader() Format {
	f.spec.NoHeader = true
	return f
}

// NaNAsNull is for JSON with the numbers NaN, Infinity and -Infinity, which JSON does not
// have, or for Parquet with them: they become null. Otherwise their records are quarantined.
func (f Format) NaNAsNull() Format {
	f.spec.NaNAsNull = true
	return f
}

// Encoding is for text in one of feed.Encodings, such as "iso-8859-2", or "utf-16le" for
// UTF-16 without a byte order mark. Files in UTF-8, or in UTF-16 with a byte order mark,
// need no option.
func (f Format) Encoding(name feed.Encoding) Format {
	f.spec.Encoding = name
	return f
}

// Latin1 is for files in Windows-1252, which contains the characters of ISO 8859-1,
// of any of the formats. Files in UTF-8, or in UTF-16 with a byte order mark, need no
// option.
func (f Format) Latin1() Format {
	f.spec.Encoding = feed.Latin1
	return f
}
