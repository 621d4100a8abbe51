-- The payment tables, and a dedupe table that keeps the output beside the event's identity: what is redelivered finds
-- its row, does nothing, and is answered with what was recorded. Shared by the examples in other languages.
create table account (
  account_id text primary key,
  balance    numeric(14, 2) not null default 0
);

create table settlement (
  event_id   varchar(64) not null,
  payment_id text not null,
  account_id text not null references account,
  amount     numeric(14, 2) not null,
  settled_at timestamp not null default now()
);

create table processed_event (
  event_id     varchar(64) primary key,
  settled      text not null,               -- the PaymentSettled that was, or still has to be, produced
  processed_at timestamptz not null default now()  -- with its zone: a JVM's session has another one than the server
);
