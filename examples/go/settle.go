package main

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// PaymentAuthorized says that this much may be taken from this account.
type PaymentAuthorized struct {
	EventID   string `json:"event_id"`
	PaymentID string `json:"payment_id"`
	AccountID string `json:"account_id"`
	Amount    string `json:"amount"`
}

// PaymentSettled says that the money has moved, and what the balance is after it.
type PaymentSettled struct {
	EventID   string `json:"event_id"`
	PaymentID string `json:"payment_id"`
	AccountID string `json:"account_id"`
	Amount    string `json:"amount"`
	Balance   string `json:"balance"`
}

// settle charges the account and writes the settlement, in one round trip; doing it twice takes the money twice.
func settle(ctx context.Context, tx pgx.Tx, payment PaymentAuthorized) (PaymentSettled, error) {
	settled := PaymentSettled{
		EventID:   payment.EventID,
		PaymentID: payment.PaymentID,
		AccountID: payment.AccountID,
		Amount:    payment.Amount,
	}
	batch := &pgx.Batch{}
	batch.Queue(
		`insert into account values ($1, -($2::text)::numeric) on conflict (account_id)
		 do update set balance = account.balance + excluded.balance returning balance::text`,
		payment.AccountID, payment.Amount,
	).QueryRow(func(row pgx.Row) error { return row.Scan(&settled.Balance) })
	batch.Queue(
		`insert into settlement (event_id, payment_id, account_id, amount) values ($1, $2, $3, ($4::text)::numeric)`,
		payment.EventID, payment.PaymentID, payment.AccountID, payment.Amount,
	)
	return settled, tx.SendBatch(ctx, batch).Close()
}
