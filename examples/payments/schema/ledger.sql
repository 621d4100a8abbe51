-- The same tables; the offset ledger keeps its one row per partition in a table of its own.
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
