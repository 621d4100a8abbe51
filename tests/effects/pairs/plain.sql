create table done (event_id varchar(64) not null, receipt varchar(64) not null);
create table processed_event (event_id varchar(64) primary key);
