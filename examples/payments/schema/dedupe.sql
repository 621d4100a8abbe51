-- The same tables with a dedupe table: a second row for the same event is refused.
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
  processed_at timestamp not null default now()
);
