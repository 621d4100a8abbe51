package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"
)

// bank settles one payment in a database transaction of its own and returns the PaymentSettled to produce, as JSON.
type bank func(context.Context, *pgx.Conn, PaymentAuthorized) ([]byte, error)

// unprotected is how it is usually written: the database commits, and a redelivered payment is settled again.
func unprotected(ctx context.Context, db *pgx.Conn, payment PaymentAuthorized) (output []byte, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		settled, err := settle(ctx, tx, payment)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into processed_event (event_id) values ($1)`, payment.EventID); err != nil {
			return err
		}
		output, err = json.Marshal(settled)
		return err
	})
	return output, err
}

// recorded commits a dedupe row with the effect, and in it the output: a redelivered payment takes no money, and its
// PaymentSettled is the recorded one. A zombie that works on the same payment loses on the primary key.
func recorded(ctx context.Context, db *pgx.Conn, payment PaymentAuthorized) (output []byte, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		row := tx.QueryRow(ctx, `select settled from processed_event where event_id = $1`, payment.EventID)
		if err := row.Scan(&output); !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		settled, err := settle(ctx, tx, payment)
		if err != nil {
			return err
		}
		if output, err = json.Marshal(settled); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into processed_event (event_id, settled) values ($1, $2)`,
			payment.EventID, string(output))
		return err
	})
	return output, err
}
