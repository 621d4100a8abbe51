-- The processor's tables without any protection: nothing refuses a second row for the same event.
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

-- The table of the question, without its primary key, so that a duplicate becomes visible:
--   select event_id, count(*) from processed_event group by event_id having count(*) > 1;
create table processed_event (
  event_id     varchar(64) not null,
  processed_at timestamp not null default now()
);
