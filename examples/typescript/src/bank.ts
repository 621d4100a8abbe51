import type { ClientBase } from 'pg'

export interface PaymentAuthorized {
  event_id: string
  payment_id: string
  account_id: string
  amount: string
}

/** Settles one payment in a database transaction of its own; returns the PaymentSettled to produce, as JSON. */
export type Bank = (db: ClientBase, payment: PaymentAuthorized) => Promise<string>

/** How it is usually written: the database commits, and a redelivered payment is settled again. */
export const unprotected: Bank = (db, payment) =>
  transaction(db, async () => {
    const settled = await charge(db, payment)
    await db.query('insert into processed_event (event_id) values ($1)', [payment.event_id])
    return settled
  })

/**
 * A dedupe row commits with the effect and holds the output, which answers a redelivery. A zombie that works on the same
 * payment loses on the primary key.
 */
export const recorded: Bank = (db, payment) =>
  transaction(db, async () => {
    const found = await db.query<{ settled: string }>('select settled from processed_event where event_id = $1', [
      payment.event_id
    ])
    if (found.rows[0]) return found.rows[0].settled
    const settled = await charge(db, payment)
    await db.query('insert into processed_event (event_id, settled) values ($1, $2)', [payment.event_id, settled])
    return settled
  })

/** Charges the account and writes the settlement; doing it twice takes the money twice. */
async function charge(db: ClientBase, { event_id, payment_id, account_id, amount }: PaymentAuthorized): Promise<string> {
  const { rows } = await db.query<{ balance: string }>(
    `insert into account values ($1, -$2::numeric) on conflict (account_id)
     do update set balance = account.balance + excluded.balance returning balance`,
    [account_id, amount]
  )
  await db.query('insert into settlement (event_id, payment_id, account_id, amount) values ($1, $2, $3, $4)', [
    event_id,
    payment_id,
    account_id,
    amount
  ])
  return JSON.stringify({ event_id, payment_id, account_id, amount, balance: rows[0]!.balance })
}

async function transaction<T>(db: ClientBase, work: () => Promise<T>): Promise<T> {
  await db.query('begin')
  try {
    const result = await work()
    await db.query('commit')
    return result
  } catch (error) {
    await db.query('rollback')
    throw error
  }
}
