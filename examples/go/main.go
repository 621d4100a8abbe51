// Command settlement consumes PaymentAuthorized, charges accounts in PostgreSQL, and produces PaymentSettled, with
// franz-go and pgx. Output and consumed offsets commit in one Kafka transaction; -bank says what protects the database,
// which is no part of it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

const recordsPerTransaction = 20

var banks = map[string]bank{"unprotected": unprotected, "recorded": recorded}

func main() {
	protection := flag.String("bank", "recorded", "what protects the database: unprotected or recorded")
	late := flag.Bool("late-identity", false, "take the producer id with the first record, as franz-go does by itself")
	flag.Parse()
	if banks[*protection] == nil {
		log.Fatalf("-bank %s: no such protection", *protection)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, banks[*protection], *late); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, bank bank, late bool) error {
	db, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx))
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(os.Getenv("KAFKA_BOOTSTRAP_SERVERS")),
		kgo.TransactionalID("settlement-0"),
		kgo.ConsumerGroup("settlement"),
		kgo.ConsumeTopics("payment-authorized"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
		kgo.DefaultProduceTopic("payment-settled"),
	)
	if err != nil {
		return err
	}
	defer session.Close()
	if !late {
		// What a predecessor left open ends when its transactional.id is initialised. franz-go does that with the first
		// record it produces; but there is none before the committed offsets are known, and those are pending in the
		// open transaction. So it is done now, or both wait for transaction.timeout.ms.
		if _, _, err := session.Client().ProducerID(ctx); err != nil {
			return err
		}
	}
	for {
		fetches := session.PollRecords(ctx, recordsPerTransaction)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		if fetches.NumRecords() > 0 {
			// What was begun is finished, also when told to stop.
			if err := transact(context.WithoutCancel(ctx), session, db, bank, fetches); err != nil {
				return err
			}
		}
	}
}

// transact settles what was fetched, in one Kafka transaction. Where the transaction ends in an abort (a rebalance, a
// failed produce), the session has rewound the consumer, and the same payments come again.
func transact(
	ctx context.Context, session *kgo.GroupTransactSession, db *pgx.Conn, bank bank, fetches kgo.Fetches,
) error {
	if err := session.Begin(); err != nil {
		return err
	}
	var produced kgo.FirstErrPromise
	for _, record := range fetches.Records() {
		var payment PaymentAuthorized
		if err := json.Unmarshal(record.Value, &payment); err != nil {
			return fmt.Errorf("%s-%d at %d: %w", record.Topic, record.Partition, record.Offset, err)
		}
		output, err := bank(ctx, db, payment)
		if err != nil {
			return fmt.Errorf("event %s: %w", payment.EventID, err)
		}
		session.Produce(ctx, &kgo.Record{Key: record.Key, Value: output}, produced.Promise())
	}
	committed, err := session.End(ctx, kgo.TransactionEndTry(produced.Err() == nil))
	if err != nil {
		return err
	}
	if !committed {
		log.Printf("%d payments were aborted and come again: %v", fetches.NumRecords(), produced.Err())
	}
	return nil
}
