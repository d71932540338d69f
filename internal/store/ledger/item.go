package ledger

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

type item = map[string]types.AttributeValue

func key(feedName, id, sort string) item {
	return item{
		feed.PartitionKey: str(ids.LedgerKey(feedName, id)),
		feed.SortKey:      str(sort),
	}
}

func decodeUpload(it item) Upload {
	u := Upload{
		Upload: ids.Upload{
			ID: getStr(it, "upload"), Feed: getStr(it, "feed"), Bucket: getStr(it, "bucket"), Key: getStr(it, "key"),
			VersionID: getStr(it, "version_id"), ETag: getStr(it, "etag"), Size: getNum(it, "bytes_in"), Time: getTime(it, "source_time"),
		},
		State: State(getStr(it, "state")), Shards: int(getNum(it, "shards")), PartBytes: getNum(it, "part_bytes"),
		Counts: Counts{
			Entries: getNum(it, "entries"), Records: getNum(it, "records"), RejectedByUnpack: getNum(it, "rejected_by_unpack"),
			Parts: getNum(it, "parts"), BytesUnpacked: getNum(it, "bytes_unpacked"), BytesLanded: getNum(it, "bytes_landed"),
		},
		Stored: getNum(it, "stored"), RejectedByLoad: getNum(it, "rejected_by_load"), PartsLoaded: getNum(it, "parts_loaded"),
		Message: getStr(it, "message"), Replays: getNum(it, "replays"),
		StartedAt: getTime(it, "started_at"), UnpackedAt: getTime(it, "unpacked_at"), LoadedAt: getTime(it, "loaded_at"),
	}
	// Only SetCheckpoint writes it; without one, unpack begins at the beginning.
	if err := json.Unmarshal([]byte(getStr(it, "checkpoint")), &u.Checkpoint); err != nil {
		u.Checkpoint = Checkpoint{}
	}
	u.Reasons = getReasons(it)
	return u
}

// getReasons leaves out those for which nothing is in quarantine any more.
func getReasons(it item) map[string]int64 {
	var reasons map[string]int64
	for name := range it {
		reason, ok := strings.CutPrefix(name, reasonPrefix)
		n := getNum(it, name)
		if !ok || n == 0 {
			continue
		}
		if reasons == nil {
			reasons = map[string]int64{}
		}
		reasons[reason] = n
	}
	return reasons
}

func decodePart(it item) Part {
	return Part{
		Feed: getStr(it, "feed"), Upload: getStr(it, "upload"), Name: getStr(it, "part"), Entry: int(getNum(it, "entry")),
		Key: getStr(it, "landing_key"), State: State(getStr(it, "state")), Records: getNum(it, "records"), Bytes: getNum(it, "bytes"),
		Shards: int(getNum(it, "shards")), Stored: getNum(it, "stored"), Rejected: getNum(it, "rejected"), Message: getStr(it, "message"),
		Lines: getNum(it, "lines_done"), Reasons: getReasons(it),
		Time: getTime(it, "source_time"), LandedAt: getTime(it, "landed_at"), LoadedAt: getTime(it, "loaded_at"),
		Replayed: getNum(it, "replayed"),
	}
}

// timeLayout sorts as text: its fraction keeps its zeros.
const timeLayout = "2006-01-02T15:04:05.000Z"

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
func stamp(t time.Time) types.AttributeValue { return str(t.UTC().Format(timeLayout)) }

func getStr(it item, name string) string {
	if v, ok := it[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func getNum(it item, name string) int64 {
	if v, ok := it[name].(*types.AttributeValueMemberN); ok {
		n, err := strconv.ParseInt(v.Value, 10, 64)
		if err == nil {
			return n
		}
	}
	return 0
}

func getTime(it item, name string) time.Time {
	t, err := time.Parse(timeLayout, getStr(it, name))
	if err != nil {
		return time.Time{}
	}
	return t
}
