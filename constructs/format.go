package constructs

import "example.com/ingestion/feed"

// Format describes how the files of a feed are split into records. Archives and
// compressions are recognised without it. Make one with
// JSON, NDJSON or CSV.
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

// Latin1 is for files in Windows-1252, which contains the characters of ISO 8859-1,
// of any of the formats. Files in UTF-8, or in UTF-16 with a byte order mark, need no
// option.
func (f Format) Latin1() Format {
	f.spec.Encoding = feed.Latin1
	return f
}
