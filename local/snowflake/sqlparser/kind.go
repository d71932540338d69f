package sqlparser

import "strings"

// The kinds of objects, as statements write them.
const (
	KindDatabase           = "DATABASE"
	KindSchema             = "SCHEMA"
	KindWarehouse          = "WAREHOUSE"
	KindStorageIntegration = "STORAGE INTEGRATION"
	KindFileFormat         = "FILE FORMAT"
	KindStage              = "STAGE"
	KindTable              = "TABLE"
	KindExternalTable      = "EXTERNAL TABLE"
	KindView               = "VIEW"
	KindPipe               = "PIPE"
	KindTask               = "TASK"
	KindStream             = "STREAM"
)

var kinds = []string{
	KindExternalTable, KindFileFormat, KindStorageIntegration, KindDatabase, KindSchema, KindWarehouse,
	KindStage, KindTable, KindView, KindPipe, KindTask, KindStream,
}

// Kind reads a kind of object. SHOW and GRANT ON ALL write it in the plural.
// INTEGRATION stands for a storage integration, as GRANT and DROP write it.
func (p *Parser) Kind(plural bool) (string, error) {
	for _, kind := range kinds {
		words := strings.Fields(kind)
		if plural {
			words[len(words)-1] += "S"
		}
		if p.Accept(words...) {
			return kind, nil
		}
	}
	if p.Accept("INTEGRATION") || plural && p.Accept("INTEGRATIONS") {
		return KindStorageIntegration, nil
	}
	return "", p.Unexpected("a kind of object")
}
