create table done (
  event_id varchar(64) not null,
  receipt varchar(64) not null,
  constraint done_event unique (event_id)
);
