// franz-go: GroupTransactSession, one transaction per interval. JSON by goccy/go-json (PEER_JSON=std: encoding/json).
// In: the environment that job.py describes. Out: settled payments.
package main

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/goccy/go-json"
	"github.com/twmb/franz-go/pkg/kgo"
)

const maxPollRecords = 5000

type payment struct {
	EventID  string  `json:"event_id"`
	Type     string  `json:"type"`
	OrderID  string  `json:"order_id"`
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
	Ts       int64   `json:"ts"`
	Memo     string  `json:"memo"`
	Status   string  `json:"status"`
}

// option is what the environment sets, or the default.
func option(name, otherwise string) string {
	if value := os.Getenv("PEER_" + name); value != "" {
		return value
	}
	return otherwise
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// transform gives the work on one value.
func transform() func([]byte) []byte {
	if option("VALUES", "json") == "bytes" {
		return func(value []byte) []byte { return value }
	}
	unmarshal, marshal := json.Unmarshal, json.Marshal
	if option("JSON", "goccy") == "std" {
		unmarshal, marshal = stdjson.Unmarshal, stdjson.Marshal
	}
	return func(value []byte) []byte {
		var p payment
		check(unmarshal(value, &p))
		p.Type, p.Status = "PaymentSettled", "settled"
		out, err := marshal(&p)
		check(err)
		return out
	}
}

func open() *kgo.GroupTransactSession {
	options := []kgo.Opt{
		kgo.SeedBrokers(os.Getenv("PEER_BOOTSTRAP_SERVERS")),
		kgo.TransactionalID(os.Getenv("PEER_TRANSACTIONAL_ID")),
		kgo.ConsumerGroup(os.Getenv("PEER_GROUP")),
		kgo.ConsumeTopics(os.Getenv("PEER_INPUT")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
		kgo.FetchMaxWait(10 * time.Millisecond),
		kgo.MaxBufferedRecords(200_000),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(0),
	}
	if instance := option("INSTANCE_ID", ""); instance != "" {
		options = append(options, kgo.InstanceID(instance))
	}
	session, err := kgo.NewGroupTransactSession(options...)
	check(err)
	return session
}

func main() {
	ms, err := strconv.Atoi(option("COMMIT_MS", "100"))
	check(err)
	interval := time.Duration(ms) * time.Millisecond
	output, change := os.Getenv("PEER_OUTPUT"), transform()
	session := open()
	defer session.Close()
	ctx := context.Background()
	for {
		fetched := session.PollRecords(ctx, maxPollRecords)
		if fetched.NumRecords() == 0 {
			continue
		}
		end := time.Now().Add(interval)
		check(session.Begin())
		failed := kgo.AbortingFirstErrPromise(session.Client())
		for {
			fetched.EachRecord(func(r *kgo.Record) {
				out := &kgo.Record{Topic: output, Key: r.Key, Value: change(r.Value)}
				session.Produce(ctx, out, failed.Promise())
			})
			if !time.Now().Before(end) {
				break
			}
			limited, cancel := context.WithDeadline(ctx, end)
			fetched = session.PollRecords(limited, maxPollRecords)
			cancel()
			for _, fetchError := range fetched.Errors() {
				if !errors.Is(fetchError.Err, context.DeadlineExceeded) {
					log.Fatal(fetchError.Err)
				}
			}
		}
		committed, err := session.End(ctx, kgo.TransactionEndTry(failed.Err() == nil))
		check(err)
		if !committed {
			log.Print("a transaction was not committed (rebalance)")
		}
	}
}
