package main

import (
	"math/rand/v2"
	"strconv"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// generator makes the same records in every run, with nested objects, arrays,
// Unicode and escapes, of about 533 bytes each. Numbers have at most 15 digits, so
// that an implementation which converts them to float64 keeps their value.
type generator struct {
	r       *rand.Rand
	ordinal int
}

func newGenerator() *generator { return &generator{r: rand.New(rand.NewPCG(4, 2026))} }

var (
	people   = []string{"Zoë Müller", "José Álvarez", "Nguyễn Văn An", "Łukasz Żak", "Ingrid Sørensen", "Oliver Smith", "Анна Петрова", "山田 太郎"}
	cities   = []string{"München", "Málaga", "東京", "Kraków", "Reykjavík", "São Paulo", "Портленд", "Saint-Étienne"}
	streets  = []string{"Hauptstraße", "Calle de Alcalá", "桜通り", "Main Street", "Rue de l'Église", "ulica Długa"}
	statuses = []string{"new", "paid", "packed", "shipped", "delivered", "returned"}
	colours  = []string{"red", "green", "blue", "weiß", "señal", "アカ"}
	words    = []string{
		"please", "deliver", "to", "the", "back", "door", "after", "noon", "gift", "wrap", "fragile", "call", "before",
		"naïve", "façade", "größe", "leave", "with", "neighbour", `\"urgent\"`, `line\nbreak`, `caf\u00e9`, "keep", "dry",
	}
)

func pick(r *rand.Rand, of []string) string { return of[r.IntN(len(of))] }

// record appends the next record, as one line of JSON without its line break.
func (g *generator) record(b []byte) []byte {
	r := g.r
	start := len(b)
	b = append(b, `{"order":"ord-`...)
	b = strconv.AppendInt(b, int64(100_000_000+g.ordinal), 10)
	g.ordinal++
	b = append(b, `","created":"2026-03-`...)
	b = appendTwo(b, 1+r.IntN(28))
	b = append(b, 'T')
	b = appendTwo(b, r.IntN(24))
	b = append(b, ':')
	b = appendTwo(b, r.IntN(60))
	b = append(b, `:00Z","customer":{"id":`...)
	b = strconv.AppendInt(b, r.Int64N(1_000_000_000), 10)
	b = append(b, `,"name":"`...)
	b = append(b, pick(r, people)...)
	b = append(b, `","address":{"street":"`...)
	b = append(b, pick(r, streets)...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(1+r.IntN(200)), 10)
	b = append(b, `","city":"`...)
	b = append(b, pick(r, cities)...)
	b = append(b, `","geo":[`...)
	b = strconv.AppendFloat(b, float64(r.IntN(180_000_000)-90_000_000)/1e6, 'f', -1, 64)
	b = append(b, ',')
	b = strconv.AppendFloat(b, float64(r.IntN(360_000_000)-180_000_000)/1e6, 'f', -1, 64)
	b = append(b, `]}},"items":[`...)
	for i := range 1 + r.IntN(3) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"sku":"AB-`...)
		b = strconv.AppendInt(b, int64(1000+r.IntN(9000)), 10)
		b = append(b, `","qty":`...)
		b = strconv.AppendInt(b, int64(1+r.IntN(9)), 10)
		b = append(b, `,"price":`...)
		b = strconv.AppendFloat(b, float64(r.IntN(100_000))/100, 'f', -1, 64)
		b = append(b, `,"tags":["`...)
		b = append(b, pick(r, colours)...)
		b = append(b, `","`...)
		b = append(b, pick(r, words[:12])...)
		b = append(b, `"]}`...)
	}
	b = append(b, `],"status":"`...)
	b = append(b, pick(r, statuses)...)
	b = append(b, `","total":`...)
	b = strconv.AppendFloat(b, float64(r.IntN(1_000_000))/100, 'f', -1, 64)
	b = append(b, `,"paid":`...)
	b = strconv.AppendBool(b, r.IntN(2) == 0)
	b = append(b, `,"coupon":null,"note":"`...)
	for length := start + 430 + r.IntN(190); len(b) < length; {
		b = append(b, pick(r, words)...)
		b = append(b, ' ')
	}
	return append(b, `"}`...)
}

func appendTwo(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

var columns = []string{
	"order", "created", "customer_id", "name", "street", "city", "latitude", "longitude", "status", "total", "paid", "coupon", "sku", "qty", "price", "note",
}

// row appends the next row of delimited text, with its line break. Every eighth
// note is quoted and contains a delimiter.
func (g *generator) row(b []byte, delimiter byte) []byte {
	r := g.r
	start := len(b)
	field := func(s string) {
		b = append(b, s...)
		b = append(b, delimiter)
	}
	field("ord-" + strconv.Itoa(100_000_000+g.ordinal))
	g.ordinal++
	field("2026-03-" + strconv.Itoa(10+r.IntN(18)) + "T12:00:00Z")
	field(strconv.FormatInt(r.Int64N(1_000_000_000), 10))
	field(pick(r, people))
	field(pick(r, streets) + " " + strconv.Itoa(1+r.IntN(200)))
	field(pick(r, cities))
	field(strconv.FormatFloat(float64(r.IntN(180_000_000)-90_000_000)/1e6, 'f', 6, 64))
	field(strconv.FormatFloat(float64(r.IntN(360_000_000)-180_000_000)/1e6, 'f', 6, 64))
	field(pick(r, statuses))
	field(strconv.FormatFloat(float64(r.IntN(1_000_000))/100, 'f', 2, 64))
	field(strconv.FormatBool(r.IntN(2) == 0))
	field("")
	field("AB-" + strconv.Itoa(1000+r.IntN(9000)))
	field(strconv.Itoa(1 + r.IntN(9)))
	field(strconv.FormatFloat(float64(r.IntN(100_000))/100, 'f', 2, 64))
	quoted := g.ordinal%8 == 0
	if quoted {
		b = append(b, '"')
	}
	for length := start + 430 + r.IntN(190); len(b) < length; {
		b = append(b, pick(r, words[:19])...)
		b = append(b, ' ')
	}
	if quoted {
		b = append(b, delimiter)
		b = append(b, `said ""yes""`+"\n"+`twice"`...)
	}
	return append(b, '\n')
}

// The forms of input with which unpack is measured.
const (
	formNDJSON = "ndjson.gz"
	formArray  = "json.gz"
	formZip    = "zip"
	formPipe   = "psv.gz"
)

var forms = []string{formNDJSON, formArray, formZip, formPipe}

// content is the uncompressed input. The forms array and zip have the records of ndjson.
type content struct {
	ndjson, pipe []byte
	records      int
}

func generate(records int) content {
	p := content{records: records}
	g := newGenerator()
	for range records {
		p.ndjson = append(g.record(p.ndjson), '\n')
	}
	for i, c := range columns {
		if i > 0 {
			p.pipe = append(p.pipe, '|')
		}
		p.pipe = append(p.pipe, c...)
	}
	p.pipe = append(p.pipe, '\n')
	g = newGenerator()
	for range records {
		p.pipe = g.row(p.pipe, '|')
	}
	return p
}

// array returns the lines as the elements of one JSON array.
func array(lines []byte) []byte {
	out := make([]byte, 0, len(lines)+1)
	out = append(out, '[')
	for i, c := range lines {
		if c == '\n' {
			if c = ','; i == len(lines)-1 {
				c = ']'
			}
		}
		out = append(out, c)
	}
	return out
}

func gzipped(b []byte) ([]byte, error) {
	var out pieces
	z, err := gzip.NewWriterLevel(&out, gzip.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.bytes(), err
}

// deflated compresses b. Unless it is last, more compressed data may follow.
func deflated(b []byte, last bool) ([]byte, error) {
	var out pieces
	z, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if last {
		err = z.Close()
	} else {
		err = z.Flush()
	}
	return out.bytes(), err
}
