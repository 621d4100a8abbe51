/**
 * Consumes PaymentAuthorized, charges accounts in PostgreSQL, produces PaymentSettled: @platformatic/kafka and
 * node-postgres.
 *
 * Output and consumed offsets commit in one Kafka transaction; the argument says what protects the database, which is no
 * part of it: node build/main.js unprotected | recorded
 *
 * Any error ends the process, and whoever started it starts it again.
 */
import {
  Consumer,
  FetchIsolationLevels,
  type Message,
  Producer,
  stringDeserializers,
  stringSerializers
} from '@platformatic/kafka'
import pg from 'pg'

import { type Bank, type PaymentAuthorized, recorded, unprotected } from './bank.js'

type Payment = Message<string, string, string, string>

const RECORDS_PER_TRANSACTION = 20

const bank: Bank | undefined = { unprotected, recorded }[process.argv[2] ?? '']
if (!bank) throw new Error('usage: main.js unprotected|recorded')

const bootstrapBrokers = process.env.KAFKA_BOOTSTRAP_SERVERS!.split(',')
const db = new pg.Client({ connectionString: process.env.DATABASE_URL! })
await db.connect()
const producer = new Producer({
  clientId: 'settlement',
  bootstrapBrokers,
  idempotent: true,
  transactionalId: 'settlement-0',
  // By default this client claims to be producer 0 of epoch 0, and a transactional.id that was used before is refused
  // (PRODUCER_FENCED): -1 claims nothing, as other clients do (KIP-360).
  producerId: -1n,
  producerEpoch: -1,
  // Right after a commit the coordinator answers CONCURRENT_TRANSACTIONS for some milliseconds, once a transaction.
  retries: 100,
  retryDelay: 20,
  serializers: stringSerializers
})
// The producer first: its first transaction ends what a predecessor left open. This client's consumer does not ask for
// stable offsets (KIP-447), so it would take positions from before a commit whose markers are still being written.
await producer.beginTransaction()
const consumer = new Consumer({
  clientId: 'settlement',
  bootstrapBrokers,
  groupId: 'settlement',
  autocommit: false,
  deserializers: stringDeserializers
})
const stream = await consumer.consume({
  topics: ['payment-authorized'],
  mode: 'committed',
  fallbackMode: 'earliest',
  isolationLevel: FetchIsolationLevels.READ_COMMITTED
})

let batch: Payment[] = []
for await (const message of stream) {
  batch.push(message)
  if (batch.length === RECORDS_PER_TRANSACTION || stream.readableLength === 0) {
    await transact(batch, bank)
    batch = []
  }
}

async function transact(batch: Payment[], bank: Bank): Promise<void> {
  const transaction = producer.transaction ?? (await producer.beginTransaction())
  await transaction.addConsumer(consumer)
  const last = new Map<number, Payment>()
  for (const message of batch) {
    const payment = JSON.parse(message.value) as PaymentAuthorized
    const value = await bank(db, payment)
    await transaction.send({ messages: [{ topic: 'payment-settled', key: message.key, value }] })
    last.set(message.partition, message)
  }
  for (const message of last.values()) {
    await transaction.addOffset(message)
  }
  await transaction.commit()
}
